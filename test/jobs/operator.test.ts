// What the room jobs tells an operator: lists in stable pages, dead jobs tried again, usage in sums, an account's own retention and time.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { changeAccount } from '../../src/admin/accounts.ts'
import { AppError, type ErrorCode } from '../../src/errors.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { type JobFilter, listJobs } from '../../src/jobs/list.ts'
import { requeueJob } from '../../src/jobs/requeue.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { removeInputs } from '../../src/jobs/sweep.ts'
import { findUsage } from '../../src/jobs/usage.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import type { Place } from '../../src/storage/pages.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code

async function submit(account: TestAccount, job: Parameters<typeof makeQueuedJob>[1] = {}): Promise<string> {
  const queued = makeQueuedJob(account, { mode: 'async', ...job })
  await submitJob(db, queued)
  return queued.id
}

async function claim(id: string): Promise<string> {
  const claimed = await claimJobs(db, { workerId: newId(), slots: 50, asyncSlots: 50, leaseSeconds: 60 })
  const job = claimed.find((candidate) => candidate.id === id)
  assert.ok(job)
  return job.leaseToken
}

async function kill(id: string): Promise<void> {
  const leaseToken = await claim(id)
  assert.equal(await releaseJob(db, { id, leaseToken, delaySeconds: 0, countAttempt: true }), 'failed')
}

async function complete(id: string, chargeMicro: number): Promise<void> {
  const output = makeOutput(id)
  await blobs.put(output.blobKey, Buffer.from('audio'))
  assert.ok(await completeJob(db, { id, leaseToken: await claim(id), chargeMicro, output, result: {} }))
}

async function listAll(filter: JobFilter, limit: number, between: () => Promise<unknown> = async () => {}) {
  const ids: string[] = []
  for (let place: Place | undefined, isFirst = true; isFirst || place; isFirst = false) {
    const page = await listJobs(db, filter, { limit, after: place })
    ids.push(...page.jobs.map(({ id }) => id))
    place = page.next
    await between()
  }
  return ids
}

test('pages neither repeat nor leave out a job, though others come and all have the same time', async () => {
  const account = await makeAccount(db)
  const ids = []
  for (let i = 0; i < 11; i++) ids.push(await submit(account, { holdMicro: 0 }))
  await sql`update jobs set created_at = timestamptz '2026-01-01 00:00:00.123457Z' where id = any(${ids.slice(0, 6)})`.execute(
    db,
  )
  const seen = await listAll({ accountId: account.accountId, createdBefore: new Date() }, 2, () =>
    submit(account, { holdMicro: 0 }),
  )
  assert.deepEqual([...seen].sort(), [...ids].sort())
  assert.equal(new Set(seen).size, 11)
  assert.deepEqual(seen.slice(0, 5), ids.slice(6).reverse(), 'the newest first')
})

test('a filter finds what it names and nothing else', async () => {
  const account = await makeAccount(db)
  const [waiting, cancelled, sync] = [
    await submit(account),
    await submit(account),
    await submit(account, { mode: 'sync' }),
  ]
  await cancelJob(db, account.accountId, cancelled)
  const find = async (filter: JobFilter) => (await listAll({ accountId: account.accountId, ...filter }, 100)).sort()
  assert.deepEqual(await find({ state: 'queued' }), [waiting, sync].sort())
  assert.deepEqual(await find({ state: 'cancelled' }), [cancelled])
  assert.deepEqual(await find({ mode: 'sync' }), [sync])
  assert.deepEqual(await find({ id: waiting }), [waiting])
  assert.deepEqual(await find({ createdAfter: new Date(Date.now() + 60_000) }), [])
  assert.deepEqual(await find({ createdBefore: new Date(Date.now() - 60_000) }), [])
  for (const accountId of ["' or true --", newId()]) assert.deepEqual(await listAll({ accountId }, 10), [])
  for (const id of [waiting, sync]) await cancelJob(db, undefined, id)
})

test('a dead job waits again under a new hold and is charged once, when it is finished', async () => {
  const account = await makeAccount(db, 6400)
  const id = await submit(account, { maxAttempts: 1 })
  await kill(id)
  assert.deepEqual(await listAll({ state: 'dead', accountId: account.accountId }, 10), [id])
  assert.equal(await requeueJob(db, id), true)
  assert.equal(await requeueJob(db, id), false, 'not twice')
  assert.deepEqual(await auditMoney(db, blobs), [])
  await complete(id, 6400)
  assert.deepEqual(await auditMoney(db, blobs), [])
  const { rows } = await sql<object>`
    select balance_micro, held_micro from accounts where id = ${account.accountId}`.execute(db)
  assert.deepEqual(rows, [{ balance_micro: 0, held_micro: 0 }])
})

test('the recording of a dead job stays for another try, those of others go', async () => {
  const account = await makeAccount(db)
  const [dead, cancelled] = ['inputs/aa/dead', 'inputs/aa/cancelled']
  for (const key of [dead, cancelled]) await blobs.put(key, Buffer.from(key))
  const id = await submit(account, { maxAttempts: 1, inputBlobKey: dead })
  await kill(id)
  const other = await submit(account, { inputBlobKey: cancelled })
  await cancelJob(db, undefined, other)
  assert.equal(await removeInputs(db, blobs), 1)
  assert.ok(await blobs.read(dead))
  assert.equal(await blobs.read(cancelled), undefined)
  assert.equal(await requeueJob(db, id), true)
  await cancelJob(db, undefined, id)
})

test('only a dead job can be requeued: not one that failed by its own fault, nor one that nothing is kept of', async () => {
  const account = await makeAccount(db)
  const faulty = await submit(account)
  const leaseToken = await claim(faulty)
  await failJob(db, { id: faulty, leaseToken, code: 'invalid_reference_audio', message: 'No speech in it.' })
  const forgotten = await submit(account, { maxAttempts: 1, retention: 'none' })
  await kill(forgotten)
  const expired = await submit(account, { maxAttempts: 1 })
  await kill(expired)
  await sql`update jobs set expires_at = now() where id = ${expired}`.execute(db)
  for (const id of [faulty, forgotten, expired, newId()]) assert.equal(await requeueJob(db, id), false, id)
})

test('a requeue that the account cannot pay, or whose key was used again, is refused and changes nothing', async () => {
  const account = await makeAccount(db, 6400)
  const idempotency = { key: 'once', requestHash: 'hash' }
  const id = await submit(account, { maxAttempts: 1, idempotency })
  await kill(id)
  const second = await submit(account, { idempotency })
  await assert.rejects(
    requeueJob(db, id),
    (error) => hasCode('insufficient_credits')(error) || hasCode('idempotency_conflict')(error),
  )
  await sql`update accounts set balance_micro = balance_micro + 6400 where id = ${account.accountId}`.execute(db)
  await sql`insert into ledger (account_id, kind, amount_micro) values (${account.accountId}, 'grant', 6400)`.execute(
    db,
  )
  await assert.rejects(requeueJob(db, id), hasCode('idempotency_conflict'))
  await cancelJob(db, undefined, second)
  await sql`update accounts set balance_micro = 0 where id = ${account.accountId}`.execute(db)
  await assert.rejects(requeueJob(db, id), hasCode('insufficient_credits'))
  await sql`update accounts set balance_micro = 12800 where id = ${account.accountId}`.execute(db)
  assert.deepEqual(await auditMoney(db, blobs), [])
})

test("an account's own retention and time hold for requests that do not say", async () => {
  const account = await makeAccount(db)
  await changeAccount({ db, actor: 'cli:test@here' }, account.accountId, { retention: 'none', resultTtlHours: 2 })
  const [silent, saying] = [await submit(account), await submit(account, { retention: 'normal' })]
  const { rows } = await sql<{ id: string; retention: string; hours: number }>`
    select id, retention, round(extract(epoch from expires_at - created_at) / 3600)::int as hours
    from jobs where id = any(${[silent, saying]}) order by retention`.execute(db)
  assert.deepEqual(rows, [
    { id: silent, retention: 'none', hours: 2 },
    { id: saying, retention: 'normal', hours: 2 },
  ])
  for (const id of [silent, saying]) await cancelJob(db, undefined, id)
})

test('usage is summed by day, key, model and account, between two days, both included', async () => {
  const [one, two] = [await makeAccount(db), await makeAccount(db)]
  const rows = [
    ['2025-01-31', one, 'turbo', 5, 1, 500, 10.5, 1000],
    ['2025-02-01', one, 'turbo', 1, 0, 100, 2, 200],
    ['2025-02-01', one, 'nano', 2, 0, 50, 1, 300],
    ['2025-02-02', one, 'turbo', 1, 0, 7, 1, 1],
    ['2025-02-01', two, 'turbo', 9, 9, 0, 0, 0],
  ] as const
  for (const [day, { accountId, apiKeyId }, model, requests, failed, characters, seconds, cost] of rows) {
    await sql`insert into usage_days values (${day}, ${accountId}, ${apiKeyId}, ${model}, ${requests}, ${failed},
      ${characters}, ${seconds}, ${cost})`.execute(db)
  }
  const days = { from: '2025-01-31', to: '2025-02-01' }
  const ask = async (groupBy: 'day' | 'key' | 'model' | 'account', accountId?: string) =>
    (await findUsage(db, { ...days, groupBy, accountId })).map((row) => Object.values(row))
  assert.deepEqual(await ask('day', one.accountId), [
    ['2025-01-31', 5, 1, 500, 10.5, 1000],
    ['2025-02-01', 3, 0, 150, 3, 500],
  ])
  assert.deepEqual(await ask('model', one.accountId), [
    ['turbo', 6, 1, 600, 12.5, 1200],
    ['nano', 2, 0, 50, 1, 300],
  ])
  assert.deepEqual(await ask('key', one.accountId), [[one.apiKeyId, 8, 1, 650, 13.5, 1500]])
  assert.deepEqual(await ask('account'), [
    [one.accountId, 8, 1, 650, 13.5, 1500],
    [two.accountId, 9, 9, 0, 0, 0],
  ])
  assert.deepEqual(await ask('day', newId()), [])
})
