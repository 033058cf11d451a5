// Whoever has the lease decides, whoever has lost it does nothing; each way out of `running`, and what it means for the money.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { type ClaimedJob, claimJobs } from '../../src/jobs/claim.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { releaseJob, renewLease } from '../../src/jobs/lease.ts'
import { commitPart, findPieces } from '../../src/jobs/pieces.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
beforeEach(async () => {
  await sql`delete from jobs`.execute(db)
  await sql`delete from job_events`.execute(db)
})

async function claimOne(leaseSeconds = 60): Promise<ClaimedJob> {
  const [job] = await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds })
  assert.ok(job)
  return job
}
async function submitAndClaim(account: TestAccount, job: Partial<NewJob> = {}, leaseSeconds = 60): Promise<ClaimedJob> {
  await submitJob(db, makeQueuedJob(account, job))
  return claimOne(leaseSeconds)
}
const completion = ({ id, leaseToken }: ClaimedJob, chargeMicro = 6000) => ({
  id,
  leaseToken,
  chargeMicro,
  output: makeOutput(id),
  result: {},
})
const piece = ({ id, leaseToken }: ClaimedJob, index: number, chargeMicro = 0) => ({
  id,
  leaseToken,
  index,
  part: 0,
  isLast: true,
  blobKey: `pieces/${newId()}`,
  samples: 24_000,
  sampleRate: 24_000,
  guards: [],
  engineSeconds: 0.5,
  chargeMicro,
  leaseSeconds: 60,
})
const stateOf = async ({ id }: { id: string }): Promise<Job['state'] | undefined> =>
  (await findJob(db, undefined, id))?.state
const moneyOf = ({ accountId }: TestAccount) => findBalance(db, accountId)
const loseLease = ({ id }: { id: string }) =>
  sql`update jobs set lease_until = now() - interval '1 second' where id = ${id}`.execute(db)
async function eventsOf({ id }: { id: string }): Promise<string[]> {
  const rows = await db.selectFrom('job_events').select('kind').where('job_id', '=', id).execute()
  return rows.map(({ kind }) => kind)
}

test('without the lease nothing can be done with a running job', async () => {
  const account = await makeAccount(db, 10_000)
  const job = await submitAndClaim(account)
  const stranger = { ...job, leaseToken: newId() }
  assert.equal(await renewLease(db, { ...stranger, leaseSeconds: 60 }), 'lost')
  assert.equal(await releaseJob(db, { ...stranger, delaySeconds: 0, countAttempt: true }), 'lost')
  assert.equal(await commitPart(db, piece(stranger, 0)), 'lost')
  assert.equal(await completeJob(db, completion(stranger)), undefined)
  assert.equal(await failJob(db, { ...stranger, code: 'internal', message: 'no' }), false)
  assert.equal(await stateOf(job), 'running')
  assert.equal(await renewLease(db, { ...job, leaseSeconds: 60 }), 'kept')
  assert.deepEqual(await moneyOf(account), { balanceMicro: 10_000, heldMicro: 6400 })
})

test('a worker that comes back after its job was claimed by another is fenced out, the other completes', async () => {
  const account = await makeAccount(db, 10_000)
  const late = await submitAndClaim(account)
  await loseLease(late)
  assert.deepEqual(
    (await requeueAbandonedJobs(db)).map(({ id, state }) => [id, state]),
    [[late.id, 'queued']],
  )
  await sql`update jobs set run_at = now()`.execute(db)
  const next = await claimOne()
  assert.deepEqual([next.id, next.attempt], [late.id, 2])
  assert.equal(await completeJob(db, completion(late)), undefined)
  assert.equal(await commitPart(db, piece(late, 0)), 'lost')
  assert.equal((await completeJob(db, completion(next)))?.remainingMicro, 4000)
  assert.deepEqual(await moneyOf(account), { balanceMicro: 4000, heldMicro: 0 })
})

test('a job that loses every attempt has failed, its hold is released, and it says so once', async () => {
  const account = await makeAccount(db, 10_000)
  await submitJob(db, makeQueuedJob(account, { mode: 'async', maxAttempts: 2 }))
  for (const expected of ['queued', 'failed']) {
    await sql`update jobs set run_at = now()`.execute(db)
    const job = await claimOne()
    await loseLease(job)
    const [swept] = await requeueAbandonedJobs(db)
    assert.equal(swept?.state, expected)
    assert.deepEqual(await eventsOf(job), expected === 'failed' ? ['failed'] : [])
  }
  assert.deepEqual(await moneyOf(account), { balanceMicro: 10_000, heldMicro: 0 })
})

test('each retry of a lost job waits longer', async () => {
  await submitJob(db, makeQueuedJob(await makeAccount(db), { maxAttempts: 9 }))
  const waits: number[] = []
  for (let attempt = 1; attempt <= 7; attempt++) {
    await loseLease(await claimOne())
    await requeueAbandonedJobs(db)
    const { rows } = await sql<{
      wait: number
    }>`select round(extract(epoch from run_at - queued_at))::int as wait from jobs`.execute(db)
    waits.push(rows[0]?.wait ?? 0)
    await sql`update jobs set run_at = now()`.execute(db)
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30])
})

test('a queued job that is cancelled ends at once', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeQueuedJob(account, { mode: 'async' })
  await submitJob(db, job)
  assert.equal((await cancelJob(db, account.accountId, job.id))?.state, 'cancelled')
  assert.deepEqual(await moneyOf(account), { balanceMicro: 10_000, heldMicro: 0 })
  assert.deepEqual(await eventsOf(job), ['cancelled'])
  assert.equal((await cancelJob(db, account.accountId, job.id))?.state, 'cancelled')
  assert.deepEqual(await eventsOf(job), ['cancelled'])
  assert.deepEqual(await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 1 }), [])
})

test('nobody can cancel the job of another account', async () => {
  const [account, other] = [await makeAccount(db), await makeAccount(db)]
  const job = makeQueuedJob(account)
  await submitJob(db, job)
  assert.equal(await cancelJob(db, other.accountId, job.id), undefined)
  assert.equal(await cancelJob(db, account.accountId, 'nonsense'), undefined)
  assert.equal(await stateOf(job), 'queued')
  assert.equal((await cancelJob(db, undefined, job.id))?.state, 'cancelled') // the operator may
})

const WAYS_OUT: Record<string, (job: ClaimedJob) => Promise<unknown>> = {
  'completes it': (job) => completeJob(db, completion(job)),
  'fails it': (job) => failJob(db, { ...job, code: 'internal', message: 'no' }),
  'puts it back': (job) => releaseJob(db, { ...job, delaySeconds: 0, countAttempt: true }),
  'is gone': async (job) => {
    await loseLease(job)
    await requeueAbandonedJobs(db)
  },
}
for (const [way, leave] of Object.entries(WAYS_OUT)) {
  test(`a job that was to be cancelled is cancelled when its worker ${way}`, async () => {
    const account = await makeAccount(db, 10_000)
    const job = await submitAndClaim(account, { mode: 'async' })
    const asked = await cancelJob(db, account.accountId, job.id)
    assert.ok(asked?.state === 'running' && asked.cancelRequested)
    assert.equal(await renewLease(db, { ...job, leaseSeconds: 60 }), 'cancel')
    assert.equal(await commitPart(db, piece(job, 0)), 'cancel')
    await leave(job)
    assert.equal(await stateOf(job), 'cancelled')
    assert.deepEqual(await eventsOf(job), ['cancelled'])
    assert.deepEqual(await moneyOf(account), { balanceMicro: 10_000, heldMicro: 0 })
  })
}

test('a job that has ended is not changed by cancelling it', async () => {
  const account = await makeAccount(db, 10_000)
  const job = await submitAndClaim(account)
  await completeJob(db, completion(job))
  assert.equal((await cancelJob(db, account.accountId, job.id))?.state, 'completed')
  assert.deepEqual(await moneyOf(account), { balanceMicro: 4000, heldMicro: 0 })
})

test('the pieces of a stream are charged as they are committed, the rest of the hold is released at the end', async () => {
  const account = await makeAccount(db, 10_000)
  const job = await submitAndClaim(account, { stream: true })
  const first = piece(job, 0, 2000)
  assert.equal(await commitPart(db, first), 'committed')
  assert.deepEqual(await moneyOf(account), { balanceMicro: 8000, heldMicro: 4400 })
  assert.equal(await commitPart(db, first), 'committed') // the answer was lost
  assert.equal(await commitPart(db, piece(job, 1, 3000)), 'committed')
  assert.equal((await completeJob(db, completion(job)))?.remainingMicro, 5000)
  assert.deepEqual(await moneyOf(account), { balanceMicro: 5000, heldMicro: 0 })
  const done = await findJob(db, account.accountId, job.id)
  assert.equal(done?.state === 'completed' && done.chargeMicro, 5000)
  assert.deepEqual(
    (await findPieces(db, job.id, 1)).map(({ index, chargeMicro }) => [index, chargeMicro]),
    [[1, 3000]],
  )
})

test('a stream that is cancelled half-way has paid for what was delivered', async () => {
  const account = await makeAccount(db, 10_000)
  const job = await submitAndClaim(account, { stream: true })
  await commitPart(db, piece(job, 0, 2000))
  await cancelJob(db, account.accountId, job.id)
  await releaseJob(db, { ...job, delaySeconds: 0, countAttempt: false })
  assert.equal(await stateOf(job), 'cancelled')
  assert.deepEqual(await moneyOf(account), { balanceMicro: 8000, heldMicro: 0 })
})

test('the next attempt is given the pieces that are made, and need not make them again', async () => {
  const job = await submitAndClaim(await makeAccount(db))
  const made = { ...piece(job, 0), guards: ['cap'], model: 'preview', version: '1' }
  await commitPart(db, made)
  await releaseJob(db, { ...job, delaySeconds: 0, countAttempt: false })
  const again = await claimOne()
  const { id: _id, leaseToken: _token, leaseSeconds: _seconds, ...expected } = made
  assert.deepEqual(again.parts, [expected])
})

test('a file is not paid by the piece, and no piece takes more than the hold', async () => {
  const account = await makeAccount(db, 10_000)
  const file = await submitAndClaim(account, { holdMicro: 100 })
  await assert.rejects(commitPart(db, piece(file, 0, 1)), /not paid by the piece/)
  const stream = await submitAndClaim(account, { holdMicro: 100, stream: true })
  await assert.rejects(commitPart(db, piece(stream, 0, 101)), /check constraint/)
  assert.deepEqual(await moneyOf(account), { balanceMicro: 10_000, heldMicro: 200 })
})

test('with no retention text and reference are gone when the job ends, and the result soon', async () => {
  const account = await makeAccount(db)
  const request = { text: 'secret', reference: 'data:', seed: 7 }
  const ends: Record<string, (job: ClaimedJob) => Promise<unknown>> = {
    ...WAYS_OUT,
    'cancels it': (job) => cancelJob(db, undefined, job.id),
  }
  delete ends['puts it back']
  for (const end of Object.values(ends)) {
    const job = await submitAndClaim(account, { request, retention: 'none', ttlHours: 100, maxAttempts: 1 })
    assert.deepEqual(job.request, request)
    await end(job)
    if ((await stateOf(job)) === 'running') await releaseJob(db, { ...job, delaySeconds: 0, countAttempt: false })
    const ended = await findJob(db, undefined, job.id)
    assert.deepEqual(ended?.request, { seed: 7 })
    if (ended?.state === 'completed') assert.ok(ended.expiresAt.getTime() < Date.now() + 2 * 3_600_000)
  }
  const kept = await submitAndClaim(account, { request })
  await completeJob(db, completion(kept))
  assert.deepEqual((await findJob(db, undefined, kept.id))?.request, request)
})

test('each end is counted once in the day’s usage, and its cost is what was charged', async () => {
  const account = await makeAccount(db, 100_000)
  const done = await submitAndClaim(account, { characters: 120 })
  const same = completion(done)
  await Promise.all([completeJob(db, same), completeJob(db, same), completeJob(db, same)])
  const failed = await submitAndClaim(account, { characters: 50 })
  await failJob(db, { ...failed, code: 'internal', message: 'no' })
  const cancelled = makeQueuedJob(account)
  await submitJob(db, cancelled)
  await cancelJob(db, undefined, cancelled.id)
  const stream = await submitAndClaim(account, { characters: 30, stream: true })
  await commitPart(db, piece(stream, 0, 500))
  await cancelJob(db, undefined, stream.id)
  await releaseJob(db, { ...stream, delaySeconds: 0, countAttempt: false })
  const usage = await db
    .selectFrom('usage_days')
    .select(['api_key_id', 'model', 'requests', 'failed', 'characters', 'audio_seconds', 'cost_micro'])
    .where('account_id', '=', account.accountId)
    .execute()
  const facts = { requests: 3, failed: 1, characters: 150, audio_seconds: 2.5, cost_micro: 6500 }
  assert.deepEqual(usage, [{ api_key_id: account.apiKeyId, model: 'unknown', ...facts }])
})
