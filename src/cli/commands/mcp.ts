// `chatterbox mcp`: speech as a tool of assistants, over standard input and output.
import path from 'node:path'
import { Command, Option } from 'commander'
import { createClient } from '../../client/client.ts'
import { readConfig } from '../../config.ts'
import { openEngine } from '../../library/library.ts'
import { createLog } from '../../log.ts'
import { speakHere } from '../../mcp/local.ts'
import { speakThere } from '../../mcp/remote.ts'
import { serveTools } from '../../mcp/server.ts'
import type { ToolSpeaker } from '../../mcp/speaker.ts'
import { UsageError } from '../usage-error.ts'

interface McpOptions {
  readonly server?: string
  readonly key?: string
  readonly folder: string
}

export const mcpCommand = (): Command =>
  new Command('mcp')
    .description('Serve the tools speak and list_voices to an assistant, by the Model Context Protocol over stdio.')
    .option('--server <url>', 'have this server speak (default: the engine of this machine, no server needed)')
    .addOption(new Option('--key <key>', 'API key for --server').env('CHATTERBOX_API_KEY'))
    .option('--folder <path>', 'where files may be written, and nowhere else', '.')
    .action(mcp)

async function mcp({ server, key, folder }: McpOptions): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  await using speaker = server === undefined ? await openHere() : speakThere(clientOf(server, key))
  await serveTools(speaker, path.resolve(folder), stop.signal)
}

async function openHere(): Promise<ToolSpeaker> {
  const config = readConfig()
  return speakHere(await openEngine(config, createLog({ ...config, LOG_LEVEL: 'error' })))
}

function clientOf(baseUrl: string, apiKey: string | undefined) {
  if (!URL.canParse(baseUrl)) throw new UsageError('--server: this is no URL.')
  if (apiKey === undefined) throw new UsageError('--server needs a --key, or CHATTERBOX_API_KEY in the environment.')
  return createClient({ baseUrl, apiKey })
}
