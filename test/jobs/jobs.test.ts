// The life of a job and of its money.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { AppError } from '../../src/errors.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { findJob } from '../../src/jobs/job.ts'
import { renewLease } from '../../src/jobs/lease.ts'
import { findOutput } from '../../src/jobs/outputs.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeJob, makeOutput } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { type NewRunningJob, startJob } from '../harness/running-job.ts'

const { db } = await openTestDatabase()

async function start(job: NewRunningJob): Promise<string> {
  const submitted = await startJob(db, job)
  assert.equal(submitted.kind, 'started')
  return submitted.kind === 'started' ? submitted.leaseToken : ''
}

test('a job holds its price when it starts, is charged when it completes, and the rest of the hold is released', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeJob(account, { holdMicro: 6400 })
  const leaseToken = await start(job)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 10_000, heldMicro: 6400 })

  const output = makeOutput(job.id)
  const completed = await completeJob(db, { id: job.id, leaseToken, chargeMicro: 6000, output, result: { seed: 7 } })
  assert.equal(completed?.remainingMicro, 4000)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 4000, heldMicro: 0 })

  const found = await findJob(db, account.accountId, job.id)
  assert.equal(found?.state, 'completed')
  if (found?.state !== 'completed') return
  assert.deepEqual(found.output, { ...output, token: completed?.outputToken })
  assert.deepEqual(found.result, { seed: 7 })
  assert.deepEqual(found.request, { text: 'Hello.' })
  assert.equal(found.chargeMicro, 6000)
  assert.deepEqual(await findOutput(db, found.output.token), {
    jobId: job.id,
    accountId: account.accountId,
    blobKey: output.blobKey,
    mediaType: 'audio/wav',
    bytes: output.bytes,
    sha256: output.sha256,
    retention: 'normal',
    expiresAt: completed?.expiresAt,
  })
})

test('a failed job costs nothing and says why', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeJob(account)
  const leaseToken = await start(job)
  const error = { code: 'invalid_reference_audio', message: 'Too short.', param: 'reference_audio' } as const
  assert.equal(await failJob(db, { id: job.id, leaseToken, ...error }), true)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 10_000, heldMicro: 0 })
  const found = await findJob(db, account.accountId, job.id)
  assert.deepEqual(found?.state === 'failed' && found.error, error)
})

test('what open jobs hold cannot be spent again', async () => {
  const account = await makeAccount(db, 10_000)
  await start(makeJob(account, { holdMicro: 6400 }))
  const refused = makeJob(account, { holdMicro: 6400 })
  await assert.rejects(startJob(db, refused), (error) => {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'insufficient_credits')
    assert.equal(error.message, 'Insufficient credits. You have 0.0036 credits. This request needs 0.0064.')
    return true
  })
  assert.equal(await findJob(db, account.accountId, refused.id), undefined)
  await start(makeJob(account, { holdMicro: 3600 }))
})

test('a job is found by its own account only, and not by an id that is none', async () => {
  const [account, other] = [await makeAccount(db), await makeAccount(db)]
  const job = makeJob(account)
  await start(job)
  assert.equal((await findJob(db, account.accountId, job.id))?.state, 'running')
  assert.equal(await findJob(db, other.accountId, job.id), undefined)
  for (const id of ['', 'nope', `${job.id}\0`, `${job.id} `, job.id.toUpperCase()]) {
    assert.equal(await findJob(db, account.accountId, id), undefined)
    assert.equal(await findOutput(db, id), undefined)
  }
})

test('without the lease nobody can complete, fail or keep a job', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeJob(account)
  const leaseToken = await start(job)
  const stranger = newId()
  const completion = { id: job.id, chargeMicro: 6400, output: makeOutput(job.id), result: {} }
  assert.equal(await completeJob(db, { ...completion, leaseToken: stranger }), undefined)
  assert.equal(await failJob(db, { id: job.id, leaseToken: stranger, code: 'internal', message: 'no' }), false)
  assert.equal(await renewLease(db, { id: job.id, leaseToken: stranger, leaseSeconds: 60 }), 'lost')
  assert.equal(await renewLease(db, { id: job.id, leaseToken, leaseSeconds: 60 }), 'kept')
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 10_000, heldMicro: 6400 })
})

test('completing or failing again, because the answer was lost, finds its own work and changes nothing', async () => {
  const account = await makeAccount(db, 20_000)
  const [done, failed] = [makeJob(account), makeJob(account)]
  const completion = {
    id: done.id,
    leaseToken: await start(done),
    chargeMicro: 6400,
    output: makeOutput(done.id),
    result: {},
  }
  const failure = { id: failed.id, leaseToken: await start(failed), code: 'internal', message: 'no' } as const
  const first = await completeJob(db, completion)
  assert.deepEqual(await completeJob(db, completion), first)
  assert.equal(await failJob(db, failure), true)
  assert.equal(await failJob(db, failure), true)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 13_600, heldMicro: 0 })
})

test('a job that outlives its lease is failed, its hold is released, and its late process is fenced out', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeJob(account, { leaseSeconds: 0 })
  const leaseToken = await start(job)
  const kept = makeJob(account, { holdMicro: 100 })
  await start(kept)
  assert.equal((await requeueAbandonedJobs(db)).length, 1)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 10_000, heldMicro: 100 })
  const late = { id: job.id, leaseToken, chargeMicro: 6400, output: makeOutput(job.id), result: {} }
  assert.equal(await completeJob(db, late), undefined)
  const found = await findJob(db, account.accountId, job.id)
  assert.equal(found?.state === 'failed' && found.error.code, 'unavailable')
  assert.equal((await findJob(db, account.accountId, kept.id))?.state, 'running')
})

test('a job can be free', async () => {
  const account = await makeAccount(db, 0)
  const job = makeJob(account, { holdMicro: 0 })
  const leaseToken = await start(job)
  const completion = { id: job.id, leaseToken, chargeMicro: 0, output: makeOutput(job.id), result: {} }
  assert.equal((await completeJob(db, completion))?.remainingMicro, 0)
})

test('more than the hold cannot be charged', async () => {
  const account = await makeAccount(db)
  const job = makeJob(account, { holdMicro: 10 })
  const leaseToken = await start(job)
  const completion = { id: job.id, leaseToken, chargeMicro: 11, output: makeOutput(job.id), result: {} }
  await assert.rejects(completeJob(db, completion), /check constraint/)
})

test('an expired job and its output are not found', async () => {
  const account = await makeAccount(db)
  const job = makeJob(account)
  const leaseToken = await start(job)
  const completion = { id: job.id, leaseToken, chargeMicro: 1, output: makeOutput(job.id), result: {} }
  const completed = await completeJob(db, completion)
  await sql`update jobs set expires_at = now() where id = ${job.id}`.execute(db)
  assert.equal(await findJob(db, account.accountId, job.id), undefined)
  assert.equal(await findOutput(db, completed?.outputToken ?? ''), undefined)
})
