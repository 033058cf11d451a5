// A sync job whose gateway is gone: given up where nobody can come back for it, finished where somebody can.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { attendForGood, cancelUnattendedJobs, renewAttendance } from '../../src/jobs/attendance.ts'
import { type ClaimedJob, claimJobs } from '../../src/jobs/claim.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { findJob } from '../../src/jobs/job.ts'
import { releaseJob, renewLease } from '../../src/jobs/lease.ts'
import { commitPart } from '../../src/jobs/pieces.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { requeueAbandonedJobs, SWEEP_LOCK } from '../../src/jobs/sweep.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
beforeEach(() => sql`delete from jobs`.execute(db))

const CREDITS = 10_000
const UNTOUCHED = { balanceMicro: CREDITS, heldMicro: 0 }
const idempotency = { key: 'k', requestHash: 'h' }

async function submit(account: TestAccount, job: Partial<NewJob> = {}): Promise<string> {
  return (await submitJob(db, makeQueuedJob(account, job))).job.id
}
async function claimOne(): Promise<ClaimedJob> {
  const [job] = await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 60 })
  assert.ok(job)
  return job
}
/** As if its gateway had died so long ago. */
const leave = (id: string) =>
  sql`update jobs set attended_until = attended_until - interval '21 seconds' where id = ${id}`.execute(db)
const sweep = () => cancelUnattendedJobs(db, SWEEP_LOCK)
const stateOf = async (id: string) => (await findJob(db, undefined, id))?.state
const completion = ({ id, leaseToken }: ClaimedJob) => ({
  id,
  leaseToken,
  chargeMicro: 6000,
  output: makeOutput(id),
  result: {},
})

test('what waits in the queue and nobody attends is cancelled and its hold released; what is attended stays', async () => {
  const account = await makeAccount(db, CREDITS)
  const [left, attended] = [await submit(account, { holdMicro: 1000 }), await submit(account, { holdMicro: 2000 })]
  await leave(left)
  await leave(attended)
  await renewAttendance(db, [attended])
  assert.equal(await sweep(), 1)
  assert.deepEqual([await stateOf(left), await stateOf(attended)], ['cancelled', 'queued'])
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: CREDITS, heldMicro: 2000 })
  assert.equal(await sweep(), 0)
})

test('with an idempotency key, asynchronously, or once its id was told, a job needs nobody', async () => {
  const account = await makeAccount(db, 100_000)
  const told = await submit(account)
  await attendForGood(db, told)
  const ids = [told, await submit(account, { idempotency }), await submit(account, { mode: 'async' })]
  for (const id of ids) await leave(id)
  assert.equal(await sweep(), 0)
  for (const _ of ids) assert.ok(await completeJob(db, completion(await claimOne())))
  // A gateway that hears late does not take it back.
  await renewAttendance(db, ids)
  for (const id of ids) assert.equal(await stateOf(id), 'completed')
})

test('what runs unattended is stopped by the sweep, by its own renewal and by its next piece', async () => {
  const account = await makeAccount(db, CREDITS)
  const piece = {
    index: 0,
    part: 0,
    isLast: true,
    blobKey: `pieces/${newId()}`,
    samples: 1,
    sampleRate: 24_000,
    guards: [],
  }
  const sees: Record<string, (job: ClaimedJob) => Promise<unknown>> = {
    sweep: async (job) => {
      await sweep()
      return (await findJob(db, undefined, job.id))?.state === 'running' && renewLease(db, { ...job, leaseSeconds: 60 })
    },
    renewal: (job) => renewLease(db, { ...job, leaseSeconds: 60 }),
    piece: ({ id, leaseToken }) =>
      commitPart(db, { ...piece, id, leaseToken, engineSeconds: 0, chargeMicro: 5, leaseSeconds: 60 }),
  }
  for (const [who, look] of Object.entries(sees)) {
    await submit(account, { stream: true })
    const job = await claimOne()
    await leave(job.id)
    assert.equal(await look(job), 'cancel', who)
    assert.equal(await releaseJob(db, { ...job, delaySeconds: 0, countAttempt: false }), 'cancelled', who)
    assert.deepEqual(await findBalance(db, account.accountId), UNTOUCHED, who)
  }
})

test('what is finished and nobody attends is not charged', async () => {
  const account = await makeAccount(db, CREDITS)
  const id = await submit(account)
  const job = await claimOne()
  await leave(id)
  assert.equal(await completeJob(db, completion(job)), undefined)
  assert.equal(await stateOf(id), 'cancelled')
  assert.deepEqual(await findBalance(db, account.accountId), UNTOUCHED)
})

test('when worker and gateway have died together, the job is cancelled and not tried again', async () => {
  const account = await makeAccount(db, CREDITS)
  const id = await submit(account)
  await claimOne()
  await leave(id)
  await sql`update jobs set lease_until = now() - interval '1 second' where id = ${id}`.execute(db)
  assert.deepEqual(
    (await requeueAbandonedJobs(db)).map(({ state }) => state),
    ['cancelled'],
  )
  assert.deepEqual(await findBalance(db, account.accountId), UNTOUCHED)
})

test('sweeps at the same time cancel each job once', async () => {
  const account = await makeAccount(db, CREDITS)
  for (let i = 0; i < 20; i++) await leave(await submit(account, { holdMicro: 100 }))
  const swept = await Promise.all(Array.from({ length: 6 }, sweep))
  assert.equal(swept.reduce((sum, jobs) => sum + jobs) + (await sweep()), 20)
  assert.deepEqual(await findBalance(db, account.accountId), UNTOUCHED)
})
