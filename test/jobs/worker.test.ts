// A worker at its work: it claims, keeps, yields, gives back and goes.
import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { notifyChanged } from '../../src/jobs/notify.ts'
import { openJobSignals } from '../../src/jobs/signals.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { JobStopped, startWorker, type Task, type WorkerOptions } from '../../src/jobs/worker.ts'
import { findWorkers } from '../../src/jobs/workers.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'

after(() => signals[Symbol.asyncDispose]()) // before the database is dropped
const { db, connection } = await openTestDatabase()
const signals = openJobSignals({ db, connection, log: quietLog })
const describe = { host: 'here', model: 'preview', version: '1' }
const start = (task: Task, options: Partial<WorkerOptions> = {}) =>
  startWorker({ db, signals, slots: 2, describe, log: quietLog, task, ...options })

beforeEach(async () => {
  await sql`delete from jobs`.execute(db)
})

async function submit(account: TestAccount, job: Partial<NewJob> = {}): Promise<string> {
  const newJob = makeQueuedJob(account, { holdMicro: 100, ...job })
  await submitJob(db, newJob)
  return newJob.id
}

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (let tries = 0; tries < 1000; tries++) {
    const found = await look()
    if (found) return found
    await sleep(20)
  }
  throw new Error('it never happened')
}

const inState = (id: string, state: Job['state']) =>
  until(async () => {
    const job = await findJob(db, undefined, id)
    return job?.state === state && job
  })

const complete: Task = async ({ id, leaseToken, holdMicro }) => {
  await completeJob(db, { id, leaseToken, chargeMicro: holdMicro, output: makeOutput(id), result: {} })
}

/** Works until it is told to stop. */
const endless: Task = (_job, _lease, signal) =>
  new Promise((_, reject) => {
    signal.throwIfAborted()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

test('jobs that wait and jobs that come are done, no more at a time than there are slots', async () => {
  const account = await makeAccount(db)
  let running = 0
  let most = 0
  const early = await Promise.all(Array.from({ length: 5 }, () => submit(account)))
  await using worker = start(async (...job) => {
    most = Math.max(most, ++running)
    await sleep(5)
    await complete(...job)
    running--
  })
  const late = await Promise.all(Array.from({ length: 5 }, () => submit(account, { mode: 'async' })))
  const jobs = await Promise.all([...early, ...late].map((id) => inState(id, 'completed')))
  assert.equal(most, 2)
  for (const { workerId, model } of jobs) assert.deepEqual([workerId, model], [worker.id, 'preview'])
})

test('a job that is cancelled while it runs stops, and costs nothing', async () => {
  const account = await makeAccount(db, 1000)
  const reasons: unknown[] = []
  await using _worker = start((job, lease, signal) =>
    endless(job, lease, signal).catch((reason) => {
      reasons.push(reason)
      throw reason
    }),
  )
  const id = await submit(account)
  await inState(id, 'running')
  await cancelJob(db, account.accountId, id)
  await inState(id, 'cancelled')
  assert.ok(reasons[0] instanceof JobStopped && reasons[0].why === 'cancelled')
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 1000, heldMicro: 0 })
})

test('a job that is cancelled while its worker looks at an earlier change stops as well', async () => {
  const account = await makeAccount(db, 1000)
  /** Looks only when it is told of a change, never because of the time. */
  const patient = {
    ...signals,
    isListening: true,
    waitForChange: (id: string, ended: AbortSignal) => signals.waitForChange(id, ended, 2 ** 31 - 1),
  }
  await using _worker = start(endless, { signals: patient })
  const id = await submit(account)
  await inState(id, 'running')
  notifyChanged(db, id)
  const lease = () => db.selectFrom('jobs').select('lease_until').where('id', '=', id).executeTakeFirstOrThrow()
  const first = await lease()
  await until(async () => (await lease()).lease_until?.getTime() !== first.lease_until?.getTime()) // it has looked, and pauses
  await cancelJob(db, account.accountId, id)
  await inState(id, 'cancelled')
})

test('a job that was taken from its worker stops, and its worker leaves it alone', async () => {
  const account = await makeAccount(db)
  const stopped = new Promise((resolve) => {
    signalsStopped = resolve
  })
  await using _worker = start((job, lease, signal) => endless(job, lease, signal).catch(signalsStopped))
  const id = await submit(account)
  await inState(id, 'running')
  await sql`update jobs set lease_token = md5('somebody else') where id = ${id}`.execute(db)
  await cancelJob(db, account.accountId, id) // a sign to look; whoever has the job now will see it, too
  const reason = await stopped
  assert.ok(reason instanceof JobStopped && reason.why === 'lost')
  assert.equal((await findJob(db, undefined, id))?.state, 'running')
})
let signalsStopped: (reason: unknown) => void = () => {}

test('a task that crashes is tried again until its attempts are used up', async () => {
  const account = await makeAccount(db, 1000)
  const id = await submit(account, { maxAttempts: 2 })
  const attempts: number[] = []
  await using _worker = start(async ({ attempt }) => {
    attempts.push(attempt)
    throw new Error('a crash')
  })
  await until(async () => attempts.length === 1)
  await until(async () => {
    await sql`update jobs set run_at = now() where id = ${id} and run_at is not null`.execute(db)
    return (await findJob(db, undefined, id))?.state === 'failed'
  })
  assert.deepEqual(attempts, [1, 2])
  const job = await findJob(db, undefined, id)
  assert.equal(job?.state === 'failed' && job.error.code, 'unavailable')
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 1000, heldMicro: 0 })
})

test('an async job gives its slot to a sync one that waits, and goes on afterwards', async () => {
  const account = await makeAccount(db)
  const order: string[] = []
  await using _worker = start(
    async (job, lease, signal) => {
      if (job.mode === 'async' && job.attempt === 1 && order.length === 0) {
        while (!lease.shouldYield()) await sleep(5, undefined, { signal })
        assert.equal(lease.shouldYield(), true)
        order.push('yielded')
        await releaseJob(db, { id: job.id, leaseToken: job.leaseToken, delaySeconds: 0, countAttempt: false })
        return
      }
      order.push(job.mode)
      await complete(job, lease, signal)
    },
    { slots: 1 },
  )
  const batch = await submit(account, { mode: 'async' })
  await inState(batch, 'running')
  const live = await submit(account)
  await inState(live, 'completed')
  assert.equal((await inState(batch, 'completed')).attempts, 1)
  assert.deepEqual(order, ['yielded', 'sync', 'async'])
})

test('one slot of several is never taken by async jobs', async () => {
  const account = await makeAccount(db)
  const batch = [await submit(account, { mode: 'async' }), await submit(account, { mode: 'async' })]
  await using worker = start((job, ...rest) => (job.mode === 'async' ? endless(job, ...rest) : complete(job, ...rest)))
  await inState(batch[0] ?? '', 'running')
  await inState(await submit(account), 'completed')
  assert.equal(worker.running, 1)
  assert.equal((await findJob(db, undefined, batch[1] ?? ''))?.state, 'queued')
})

test('draining finishes what runs, takes nothing new, and says that the worker is gone', async () => {
  const account = await makeAccount(db)
  const worker = start(async (...job) => {
    await sleep(50)
    await complete(...job)
  })
  const first = await submit(account)
  await inState(first, 'running')
  assert.ok((await findWorkers(db)).some(({ id }) => id === worker.id))
  const drained = worker.drain(new AbortController().signal)
  const second = await submit(account)
  await drained
  assert.equal((await findJob(db, undefined, first))?.state, 'completed')
  assert.equal((await findJob(db, undefined, second))?.state, 'queued')
  assert.ok(!(await findWorkers(db)).some(({ id }) => id === worker.id))
})

test('what a drain has no time for goes back to the queue, its attempt not counted', async () => {
  const account = await makeAccount(db)
  const worker = start(endless)
  const id = await submit(account)
  await inState(id, 'running')
  await worker.drain(AbortSignal.abort())
  assert.equal((await findJob(db, undefined, id))?.attempts, 0)
  assert.equal((await findJob(db, undefined, id))?.state, 'queued')
})
