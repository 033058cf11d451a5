// `chatterbox serve`: the server, with what a person needs to make the first request.
import { Command } from 'commander'
import { readConfig, version } from '../../config.ts'
import { createLog } from '../../log.ts'
import { BUNDLED_VOICE_FILE, type RunningServer, startServer } from '../../main.ts'
import { UsageError } from '../usage-error.ts'

interface ServeOptions {
  readonly host?: string
  readonly port?: string
  readonly dataDir?: string
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('Run the server: API, docs, embedded database and engine.')
    .option('--host <address>', 'address to listen on (HOST)')
    .option('--port <number>', 'port to listen on (PORT)')
    .option('--data-dir <folder>', 'where everything is kept (DATA_DIR)')
    .action(serve)

async function serve({ host, port, dataDir }: ServeOptions): Promise<void> {
  const config = readConfig({ HOST: host, PORT: port, DATA_DIR: dataDir })
  const log = createLog(config)
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const server = await startServer(config, log).catch(explainListening)
  console.log(greeting(server))
  log.info({ url: server.url, model: server.model, database: server.database }, 'ready')

  const signal = await stopped
  log.info({ signal }, 'stopping; once more to stop at once')
  const insist = () => process.exit(1)
  process.once('SIGINT', insist)
  process.once('SIGTERM', insist)
  await server[Symbol.asyncDispose]()
  log.info('stopped')
}

/** The two things that commonly keep a server from listening, in words. */
function explainListening(error: NodeJS.ErrnoException & { port?: number; address?: string }): never {
  const place = `${error.address}:${error.port}`
  if (error.code === 'EADDRINUSE') throw new UsageError(`${place} is in use. Stop what listens there, or set PORT.`)
  if (error.code === 'EACCES') throw new UsageError(`${place} is not ours to listen on. Set PORT to 1024 or more.`)
  throw error
}

const ENGINES: Readonly<Record<RunningServer['model'], string>> = {
  preview: 'preview: intelligible English in a matched voice, not Chatterbox (`chatterbox pull turbo`)',
  turbo: 'Chatterbox Turbo',
  nano: 'Chatterbox Nano',
}

function greeting({ url, model, madeKey }: RunningServer): string {
  const key = madeKey ?? '$CHATTERBOX_API_KEY'
  const quote = madeKey === undefined ? '"' : "'"
  return `
  chatterbox-serverless ${version}

  API      ${url}/v1/chatterbox-turbo-tts
  Docs     ${url}/docs
  Engine   ${ENGINES[model]}
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
