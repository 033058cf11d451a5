// One idempotency key, one job, one charge.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBalance } from '../../src/billing/accounts.ts'
import { AppError } from '../../src/errors.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { findJob } from '../../src/jobs/job.ts'
import { makeAccount, makeJob, makeOutput } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'

const { db } = await openTestDatabase()
const idempotency = { key: 'order-1', requestHash: 'a' }

test('of many requests at once with one key, one starts, the others are told of it, and one hold is taken', async () => {
  const account = await makeAccount(db, 100_000)
  const jobs = Array.from({ length: 20 }, () => makeJob(account, { idempotency }))
  const submitted = await Promise.all(jobs.map((job) => startJob(db, job)))
  const started = submitted.filter(({ kind }) => kind === 'started')
  assert.equal(started.length, 1)
  const winner = jobs[submitted.findIndex(({ kind }) => kind === 'started')]
  for (const other of submitted)
    assert.ok(other.kind === 'started' || (other.kind === 'running' && other.job.id === winner?.id))
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 100_000, heldMicro: 6400 })
})

test('a finished request is given again, even to an account that has nothing left', async () => {
  const account = await makeAccount(db, 6400)
  const job = makeJob(account, { idempotency })
  const started = await startJob(db, job)
  assert.ok(started.kind === 'started')
  const { leaseToken } = started
  await completeJob(db, { id: job.id, leaseToken, chargeMicro: 6400, output: makeOutput(job.id), result: { seed: 1 } })
  const again = await startJob(db, makeJob(account, { idempotency }))
  assert.equal(again.kind === 'finished' && again.job.id, job.id)
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 0, heldMicro: 0 })
})

test('a key that comes with another request is refused', async () => {
  const account = await makeAccount(db)
  await startJob(db, makeJob(account, { idempotency }))
  await assert.rejects(
    startJob(db, makeJob(account, { idempotency: { ...idempotency, requestHash: 'b' } })),
    (error) => error instanceof AppError && error.code === 'idempotency_conflict',
  )
})

test('a failed request can be sent again with its key; it runs under its own id, and the failed one is still found', async () => {
  const account = await makeAccount(db)
  const [first, second] = [makeJob(account, { idempotency }), makeJob(account, { idempotency })]
  const started = await startJob(db, first)
  assert.ok(started.kind === 'started')
  await failJob(db, { id: first.id, leaseToken: started.leaseToken, code: 'unavailable', message: 'gone' })
  assert.equal((await startJob(db, second)).kind, 'started')
  assert.equal((await findJob(db, account.accountId, first.id))?.state, 'failed')
  assert.equal((await findJob(db, account.accountId, second.id))?.state, 'running')
})

test('keys of different accounts have nothing to do with each other', async () => {
  const [one, other] = [await makeAccount(db), await makeAccount(db)]
  assert.equal((await startJob(db, makeJob(one, { idempotency }))).kind, 'started')
  assert.equal((await startJob(db, makeJob(other, { idempotency }))).kind, 'started')
})
