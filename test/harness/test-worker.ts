// A real worker on a test database, for several who each want their own jobs worked on in their own way: by account.
import { type JobSignals, openJobSignals } from '../../src/jobs/signals.ts'
import { startWorker, type Task, type WorkerOptions } from '../../src/jobs/worker.ts'
import type { TestDatabase } from './database.ts'
import { quietLog } from './quiet-log.ts'

type AfterRun = WorkerOptions['afterRun']

export interface TestWorker extends AsyncDisposable {
  readonly signals: JobSignals
  /** From now on jobs of this account are done by `task`; the first task given also does those of accounts without one. */
  serve(accountId: string, task: Task, afterRun?: AfterRun): void
}

/** Dispose of it before the database is dropped: hooks of node:test run in the order in which they were given. */
export function startTestWorker({ db, connection }: TestDatabase, { slots = 4 } = {}): TestWorker {
  const signals = openJobSignals({ db, connection, log: quietLog })
  const tasks = new Map<string, Task>()
  const tidying = new Map<string, AfterRun>()
  const worker = startWorker({
    db,
    signals,
    slots,
    describe: { host: 'test', model: 'preview', version: '0' },
    task: async (job, ...rest) => {
      const task = tasks.get(job.accountId) ?? tasks.values().next().value
      if (!task) throw new Error('nobody works on this job')
      await task(job, ...rest)
    },
    afterRun: async (job) => tidying.get(job.accountId)?.(job),
    log: quietLog,
  })
  return {
    signals,
    serve: (accountId, task, afterRun) => {
      tasks.set(accountId, task)
      tidying.set(accountId, afterRun)
    },
    [Symbol.asyncDispose]: async () => {
      await worker[Symbol.asyncDispose]()
      await signals[Symbol.asyncDispose]()
    },
  }
}
