// Who is let into the queue: one hold a key, no more than the limits say, whoever asks at the same time.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { AppError } from '../../src/errors.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { countJobsAhead, countQueued } from '../../src/jobs/queue.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeOutput, makeQueuedJob } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const idempotency = { key: 'order-1', requestHash: 'a' }
const refusedAs = (code: string) => (error: unknown) => error instanceof AppError && error.code === code
const claim = (slots: number) => claimJobs(db, { workerId: newId(), slots, asyncSlots: slots, leaseSeconds: 60 })

beforeEach(async () => {
  await sql`delete from jobs`.execute(db)
})

/** How many were let in; every refusal must be `overloaded`. */
async function submitAll(jobs: readonly NewJob[]): Promise<number> {
  const answers = await Promise.allSettled(jobs.map((job) => submitJob(db, job)))
  for (const answer of answers)
    if (answer.status === 'rejected') assert.ok(refusedAs('overloaded')(answer.reason), String(answer.reason))
  return answers.filter(({ status }) => status === 'fulfilled').length
}

test('of many requests at once with one key one is added, the others are told of it, and one hold is taken', async () => {
  const account = await makeAccount(db, 100_000)
  const submitted = await Promise.all(
    Array.from({ length: 20 }, () => submitJob(db, makeQueuedJob(account, { idempotency }))),
  )
  assert.equal(submitted.filter(({ kind }) => kind === 'added').length, 1)
  assert.equal(new Set(submitted.map(({ job }) => job.id)).size, 1)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 100_000, heldMicro: 6400 })
  const other = makeQueuedJob(account, { idempotency: { ...idempotency, requestHash: 'b' } })
  await assert.rejects(submitJob(db, other), refusedAs('idempotency_conflict'))
})

test('submitting again, because the answer was lost, finds the own job and holds nothing more', async () => {
  const account = await makeAccount(db, 100_000)
  const job = makeQueuedJob(account, { idempotency, maxOpenOfKey: 1, maxQueuedSync: 1 })
  for (let i = 0; i < 3; i++) assert.equal((await submitJob(db, job)).kind, 'added')
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 100_000, heldMicro: 6400 })
})

test('a request that is known is answered even when the queue and its key are full and the credits are spent', async () => {
  const account = await makeAccount(db, 6400)
  const limits = { idempotency, maxOpenOfKey: 1, maxQueuedSync: 1 }
  const first = makeQueuedJob(account, limits)
  await submitJob(db, first)
  const again = await submitJob(db, makeQueuedJob(account, limits))
  assert.deepEqual([again.kind, again.job.id], ['same', first.id])
})

test('a job that was cancelled gives its key back, and so does a result that has expired', async () => {
  const account = await makeAccount(db, 100_000)
  const first = makeQueuedJob(account, { idempotency })
  await submitJob(db, first)
  await cancelJob(db, undefined, first.id)
  const second = makeQueuedJob(account, { idempotency })
  assert.equal((await submitJob(db, second)).kind, 'added')
  const [claimed] = await claim(1)
  assert.equal(claimed?.id, second.id)
  const { id, leaseToken } = claimed ?? { id: '', leaseToken: '' }
  await completeJob(db, { id, leaseToken, chargeMicro: 1, output: makeOutput(second.id), result: {} })
  assert.equal((await submitJob(db, makeQueuedJob(account, { idempotency }))).kind, 'same')
  await sql`update jobs set expires_at = now() where id = ${second.id}`.execute(db)
  assert.equal((await submitJob(db, makeQueuedJob(account, { idempotency }))).kind, 'added')
})

test('what open jobs hold cannot be spent again', async () => {
  const account = await makeAccount(db, 10_000)
  await submitJob(db, makeQueuedJob(account))
  await assert.rejects(submitJob(db, makeQueuedJob(account)), refusedAs('insufficient_credits'))
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 10_000, heldMicro: 6400 })
})

test('a key has no more open jobs than it may, however many are submitted at once', async () => {
  const account = await makeAccount(db)
  const jobs = () => Array.from({ length: 20 }, () => makeQueuedJob(account, { holdMicro: 1, maxOpenOfKey: 3 }))
  assert.equal(await submitAll(jobs()), 3)
  await sql`update api_keys set max_concurrent = 5 where id = ${account.apiKeyId}`.execute(db) // its own limit comes first
  assert.equal(await submitAll(jobs()), 2)
  const [running] = await claim(1)
  assert.equal(await submitAll(jobs()), 0) // a running one is open, too
  await cancelJob(db, undefined, running?.id ?? '')
  assert.equal(await submitAll(jobs()), 0) // and one that has yet to stop
  assert.equal((await findBalance(db, account.accountId))?.heldMicro, 5)
})

test('a full queue refuses sync jobs of everybody, and holds nothing for them; async ones still come in', async () => {
  const [one, other] = [await makeAccount(db), await makeAccount(db)]
  for (let i = 0; i < 4; i++) await submitJob(db, makeQueuedJob(one, { maxQueuedSync: 4, holdMicro: 1 }))
  await assert.rejects(submitJob(db, makeQueuedJob(other, { maxQueuedSync: 4 })), refusedAs('overloaded'))
  assert.equal((await findBalance(db, other.accountId))?.heldMicro, 0)
  await submitJob(db, makeQueuedJob(other, { mode: 'async', maxQueuedSync: 4 }))
  await claim(1)
  await submitJob(db, makeQueuedJob(other, { maxQueuedSync: 4 }))
})

test('text that no database can hold is refused as such', async () => {
  const account = await makeAccount(db)
  for (const text of ['a\0b', '\ud800']) {
    await assert.rejects(submitJob(db, makeQueuedJob(account, { request: { text } })), refusedAs('invalid_parameter'))
  }
})

test('the position in the queue counts those before, sync ones before async ones, no further than asked', async () => {
  const [one, other] = [await makeAccount(db), await makeAccount(db)]
  const batch = Array.from({ length: 5 }, () => makeQueuedJob(one, { mode: 'async', holdMicro: 1 }))
  for (const job of batch) await submitJob(db, job)
  const last = batch[4]?.id ?? ''
  assert.equal(await countJobsAhead(db, last, 100), 4)
  assert.equal(await countJobsAhead(db, batch[0]?.id ?? '', 100), 0)
  for (let i = 0; i < 3; i++) await submitJob(db, makeQueuedJob(other, { holdMicro: 1 }))
  assert.equal(await countJobsAhead(db, last, 100), 7)
  assert.equal(await countJobsAhead(db, last, 6), 6)
  assert.deepEqual([await countQueued(db, 'sync', 100), await countQueued(db, 'async', 3)], [3, 3])
  assert.equal(await countJobsAhead(db, newId(), 100), 0)
})
