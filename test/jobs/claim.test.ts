// Who is next: sync before async, accounts in turn, retries when their time has come.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const claim = (slots: number, asyncSlots = slots) =>
  claimJobs(db, { workerId: newId(), slots, asyncSlots, leaseSeconds: 60 })
async function submit(account: TestAccount, job: Partial<NewJob> = {}): Promise<string> {
  const newJob = makeQueuedJob(account, job)
  await submitJob(db, newJob)
  return newJob.id
}
const idsOf = (jobs: readonly { id: string }[]) => jobs.map(({ id }) => id)

beforeEach(async () => {
  await sql`delete from jobs`.execute(db)
})

test('a claimed job has all that its worker needs, and nobody else gets it', async () => {
  const account = await makeAccount(db)
  const request = { text: 'Hello.', seed: 7 }
  const id = await submit(account, { request, inputBlobKey: `inputs/${newId()}`, stream: true, maxAttempts: 3 })
  const [job, ...others] = await claim(5)
  assert.equal(others.length, 0)
  assert.ok(job)
  assert.equal(job.id, id)
  assert.deepEqual(job.request, request)
  assert.equal(job.accountId, account.accountId)
  assert.deepEqual([job.attempt, job.maxAttempts, job.stream, job.retention, job.mode], [1, 3, true, 'normal', 'sync'])
  assert.deepEqual(job.parts, [])
  assert.ok(job.queuedSeconds >= 0 && job.queuedSeconds < 60)
  assert.deepEqual(await claim(5), [])
})

test('many workers at once take each job once', async () => {
  const account = await makeAccount(db)
  const ids = await Promise.all(Array.from({ length: 40 }, () => submit(account, { holdMicro: 1 })))
  const claimed: string[] = []
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let jobs = await claim(2); jobs.length > 0; jobs = await claim(2)) claimed.push(...idsOf(jobs))
    }),
  )
  claimed.push(...idsOf(await claim(100))) // of a claim that found the rest locked by others
  assert.deepEqual(claimed.sort(), ids.sort())
})

test('sync jobs come before async ones, however long these have waited, and async ones take no more than their slots', async () => {
  const account = await makeAccount(db)
  const batch = [await submit(account, { mode: 'async' }), await submit(account, { mode: 'async' })]
  const live = await submit(account)
  assert.deepEqual(idsOf(await claim(3, 1)), [live, batch[0]])
  assert.deepEqual(await claim(3, 0), [])
  assert.deepEqual(idsOf(await claim(1)), [batch[1]])
})

for (const mode of ['sync', 'async'] as const) {
  test(`behind 10,000 ${mode} jobs of one account, the first of another is among the next few`, async () => {
    const [busy, late] = [await makeAccount(db), await makeAccount(db)]
    await submitMany(busy, 10_000, mode)
    assert.equal((await claim(20)).length, 20) // the clock runs
    const id = await submit(late, { mode, holdMicro: 1 })
    assert.ok(idsOf(await claim(3)).includes(id))
  })
}

test('accounts that are all busy take turns by characters, not by jobs', async () => {
  const [wordy, terse] = [await makeAccount(db), await makeAccount(db)]
  for (let i = 0; i < 10; i++) await submit(wordy, { characters: 300, holdMicro: 1 })
  for (let i = 0; i < 30; i++) await submit(terse, { characters: 100, holdMicro: 1 })
  const first = await claim(20)
  const share = first.filter(({ accountId }) => accountId === wordy.accountId).length
  assert.equal(share, 5)
})

test('who was idle gains nothing by it, and who was busy long ago has lost nothing', async () => {
  const [idle, busy] = [await makeAccount(db), await makeAccount(db)]
  for (let i = 0; i < 20; i++) await submit(busy, { holdMicro: 1 })
  while ((await claim(20)).length > 0);
  // Both come anew: neither gets more than one job ahead of the other.
  for (let i = 0; i < 10; i++) {
    await submit(idle, { holdMicro: 1 })
    await submit(busy, { holdMicro: 1 })
  }
  const first = await claim(10)
  assert.equal(first.filter(({ accountId }) => accountId === idle.accountId).length, 5)
})

test('jobs that were cancelled before their turn do not count against their account', async () => {
  const [fickle, steady] = [await makeAccount(db), await makeAccount(db)]
  const ids = await Promise.all(Array.from({ length: 50 }, () => submit(fickle, { mode: 'async', holdMicro: 1 })))
  for (const id of ids) await cancelJob(db, fickle.accountId, id)
  for (let i = 0; i < 4; i++) await submit(steady, { mode: 'async', holdMicro: 1 })
  await submit(fickle, { mode: 'async', holdMicro: 1 })
  const first = await claim(2)
  assert.ok(first.some(({ accountId }) => accountId === fickle.accountId))
})

test('a job that was put back for later waits until then, and keeps its place', async () => {
  const account = await makeAccount(db)
  const [first, second] = [await submit(account), await submit(account)]
  const [job] = await claim(1)
  assert.equal(job?.id, first)
  const { leaseToken = '' } = job ?? {}
  assert.equal(await releaseJob(db, { id: first, leaseToken, delaySeconds: 60, countAttempt: true }), 'queued')
  assert.deepEqual(idsOf(await claim(1)), [second])
  assert.deepEqual(await claim(1), [])
  await sql`update jobs set run_at = now() - interval '1 second' where id = ${first}`.execute(db)
  const third = await submit(account)
  const [again, last] = await claim(2)
  assert.deepEqual([again?.id, again?.attempt, last?.id], [first, 2, third])
})

test('a job that its worker has given up for others keeps its attempts and its place', async () => {
  const account = await makeAccount(db)
  const id = await submit(account, { mode: 'async' })
  await submit(account, { mode: 'async' })
  for (let i = 0; i < 3; i++) {
    const [job] = await claim(1)
    assert.deepEqual([job?.id, job?.attempt], [id, 1])
    await releaseJob(db, { id, leaseToken: job?.leaseToken ?? '', delaySeconds: 0, countAttempt: false })
  }
})

/** As `submitJob` would, one by one. */
async function submitMany(account: TestAccount, count: number, mode: 'sync' | 'async'): Promise<void> {
  const last = sql.ref(`${mode}_turn`)
  await sql`
    with account as (
      update accounts set ${last} = greatest(${last}, (select last_value from ${sql.table(`jobs_${mode}_clock`)})) + ${count} * 100
      where id = ${account.accountId}
      returning ${last} as turn
    )
    insert into jobs (id, account_id, api_key_id, state, mode, request, hold_micro, characters, turn, expires_at)
    select md5(random()::text || n), ${account.accountId}, ${account.apiKeyId}, 'queued', ${mode}, '{}', 0, 100,
      account.turn - (${count} - n) * 100, now() + interval '1 hour'
    from account, generate_series(1, ${count}) as n
  `.execute(db)
}
