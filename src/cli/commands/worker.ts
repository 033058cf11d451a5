// `chatterbox worker`: speaks the requests of every server on the same database and blob store, on any machine.
import { Command } from 'commander'
import { readConfig, version } from '../../config.ts'
import { createLog } from '../../log.ts'
import { type RunningWorker, startWorkerAlone } from '../../main.ts'
import { runUntilStopped } from '../run-until-stopped.ts'
import { ENGINES, explainListening } from './serve.ts'

interface WorkerOptions {
  readonly slots?: string
  readonly port?: string
  readonly dataDir?: string
}

export const workerCommand = (): Command =>
  new Command('worker')
    .description('Speak what servers on the same database and blob store take in; as many workers as you like.')
    .option('--slots <number>', 'jobs at the same time (WORKER_SLOTS)')
    .option('--port <number>', 'answer /healthz, /readyz and /metrics there (WORKER_PORT)')
    .option('--data-dir <folder>', 'where everything is kept (DATA_DIR)')
    .action(work)

async function work({ slots, port, dataDir }: WorkerOptions): Promise<void> {
  const config = readConfig({ WORKER_SLOTS: slots, WORKER_PORT: port, DATA_DIR: dataDir })
  const log = createLog(config)
  await runUntilStopped(log, async () => {
    const worker = await startWorkerAlone(config, log).catch(explainListening)
    console.log(greeting(worker, config.WORKER_SLOTS))
    log.info({ url: worker.url, model: worker.model, slots: config.WORKER_SLOTS, database: worker.database }, 'ready')
    return worker
  })
}

function greeting({ url, model, database }: RunningWorker, slots: number): string {
  return `
  chatterbox-serverless ${version}, worker

  Engine   ${ENGINES[model]}
  Slots    ${slots}, of requests spoken at the same time
  Queue    ${database === 'embedded' ? 'the database in DATA_DIR' : 'DATABASE_URL'}
  Health   ${url === undefined ? 'not served; --port opens /healthz, /readyz and /metrics' : `${url}/readyz`}
`
}
