// Leases that have run out although their workers live: a machine or a database that stood still must not cost anybody an attempt.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { findJob } from '../../src/jobs/job.ts'
import { renewLease } from '../../src/jobs/lease.ts'
import { createLeaseSweep } from '../../src/jobs/lease-sweep.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { seenWorker } from '../../src/jobs/workers.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeJob } from '../harness/accounts.ts'
import { collectLog } from '../harness/collected-log.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'

const { db } = await openTestDatabase()

/** A running job whose lease ran out `seconds` ago, of a worker that was seen just now. */
async function makeLapsed(seconds: number) {
  const account = await makeAccount(db)
  const workerId = newId()
  await seenWorker(db, { id: workerId, host: 'here', model: 'preview', version: '1', slots: 1 })
  const job = makeJob(account)
  const started = await startJob(db, job)
  assert.ok(started.kind === 'started')
  await sql`
    update jobs set worker_id = ${workerId}, lease_until = now() - ${seconds} * interval '1 second' where id = ${job.id}
  `.execute(db)
  const renew = () => renewLease(db, { id: job.id, leaseToken: started.leaseToken, leaseSeconds: 15 })
  const stateOf = async () => (await findJob(db, account.accountId, job.id))?.state
  return { id: job.id, workerId, renew, stateOf }
}

const sweptIds = async () => (await requeueAbandonedJobs(db)).map(({ id }) => id)

test('a worker that lives can renew a lease that has just run out; no sweep comes before it', async () => {
  const { renew, stateOf } = await makeLapsed(5)
  assert.deepEqual(await sweptIds(), [])
  assert.equal(await stateOf(), 'running')
  assert.equal(await renew(), 'kept')
})

test('a worker that lives and does not renew loses the job ten seconds later', async () => {
  const { id, renew } = await makeLapsed(11)
  assert.deepEqual(await sweptIds(), [id])
  assert.equal(await renew(), 'lost')
})

test('a worker that was not seen for as long as a lease loses the job at once', async () => {
  const { id, workerId } = await makeLapsed(1)
  await sql`update workers set seen_at = now() - interval '16 seconds' where id = ${workerId}`.execute(db)
  assert.deepEqual(await sweptIds(), [id])
})

test('a sweep that comes after a standstill ends nothing, the next one does', async () => {
  let nowMs = 0
  const sweep = createLeaseSweep(db, quietLog, () => nowMs)
  await sweep()
  const { stateOf } = await makeLapsed(60)
  nowMs += 30_000
  await sweep()
  assert.equal(await stateOf(), 'running')
  nowMs += 5_000
  await sweep()
  assert.notEqual(await stateOf(), 'running')
})

test('what is swept in time is not spared', async () => {
  let nowMs = 0
  const sweep = createLeaseSweep(db, quietLog, () => nowMs)
  await sweep()
  const { stateOf } = await makeLapsed(60)
  nowMs += 6_000
  await sweep()
  assert.notEqual(await stateOf(), 'running')
})

test('a job that the schema refuses to end keeps no other from going on', async () => {
  const [bad, good] = [await makeLapsed(60), await makeLapsed(60)]
  // Books that somebody has written into: what the job's end would release is not held.
  await sql`update jobs set cancel_requested = true where id = ${bad.id}`.execute(db)
  await sql`
    update accounts set held_micro = 0 where id = (select account_id from jobs where id = ${bad.id})
  `.execute(db)
  await assert.rejects(requeueAbandonedJobs(db), { constraint: 'accounts_held_micro_check' })
  const { log, lines } = collectLog('error')
  await createLeaseSweep(db, log)()
  assert.deepEqual(
    [await bad.stateOf(), await good.stateOf(), lines.map(({ id }) => id)],
    ['running', 'failed', [bad.id]],
  )
})
