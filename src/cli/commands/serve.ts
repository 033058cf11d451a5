// `chatterbox serve`: the server – gateway and, unless told otherwise, a worker – with what a person needs to make the first request.
import { Command } from 'commander'
import { readConfig, version } from '../../config.ts'
import type { ModelName } from '../../engine/engine.ts'
import { createLog } from '../../log.ts'
import { BUNDLED_VOICE_FILE, type RunningServer, startServer } from '../../main.ts'
import { runUntilStopped } from '../run-until-stopped.ts'
import { UsageError } from '../usage-error.ts'

interface ServeOptions {
  readonly host?: string
  readonly port?: string
  readonly dataDir?: string
  readonly worker: boolean
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('Run the server: API, docs, embedded database and engine.')
    .option('--host <address>', 'address to listen on (HOST)')
    .option('--port <number>', 'port to listen on (PORT)')
    .option('--data-dir <folder>', 'where everything is kept (DATA_DIR)')
    .option('--no-worker', 'take requests only; `chatterbox worker` speaks them (WORKER=false)')
    .action(serve)

async function serve({ host, port, dataDir, worker }: ServeOptions): Promise<void> {
  const config = readConfig({
    HOST: host,
    PORT: port,
    DATA_DIR: dataDir,
    ...(worker ? {} : { WORKER: 'false' }),
  })
  const log = createLog(config)
  await runUntilStopped(log, async () => {
    const server = await startServer(config, log).catch(explainListening)
    console.log(greeting(server))
    log.info({ url: server.url, model: server.model, worker: config.WORKER, database: server.database }, 'ready')
    return server
  })
}

/** The two things that commonly keep a server from listening, in words. */
export function explainListening(error: NodeJS.ErrnoException & { port?: number; address?: string }): never {
  const place = `${error.address}:${error.port}`
  if (error.code === 'EADDRINUSE') throw new UsageError(`${place} is in use. Stop what listens there, or set PORT.`)
  if (error.code === 'EACCES') throw new UsageError(`${place} is not ours to listen on. Set PORT to 1024 or more.`)
  throw error
}

export const ENGINES: Readonly<Record<ModelName, string>> = {
  preview: 'preview: intelligible English in a matched voice, not Chatterbox (`chatterbox pull turbo`)',
  turbo: 'Chatterbox Turbo',
  nano: 'Chatterbox Nano',
}

function greeting({ url, model, madeKey }: RunningServer): string {
  const key = madeKey ?? '$CHATTERBOX_API_KEY'
  const quote = madeKey === undefined ? '"' : "'"
  return `
  chatterbox-serverless ${version}

  Studio   ${url}/
  API      ${url}/v1/chatterbox-turbo-tts
  Docs     ${url}/docs
  Engine   ${model === undefined ? 'none here: requests wait for `chatterbox worker`' : ENGINES[model]}
${
  madeKey === undefined
    ? '  API key  as before; `chatterbox keys create` makes another one'
    : `  API key  ${madeKey}   (shown this once; only its hash is kept)`
}

  Paste this, then play hello.wav:

    curl ${url}/v1/chatterbox-turbo-tts \\
      -H ${quote}x-api-key: ${key}${quote} \\
      -F 'text=Hello! [laugh] This voice was made on my own machine.' \\
      -F 'reference_audio=@${BUNDLED_VOICE_FILE}' \\
      -o hello.wav
`
}
