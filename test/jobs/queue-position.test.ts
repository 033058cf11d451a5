// The position that a waiting job is told, against the order in which jobs are really claimed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { countJobsAhead } from '../../src/jobs/queue.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeQueuedJob } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const AT_MOST = 1000
const claim = { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 60 }

test('positions are the order of the claims, over accounts, sizes and both modes', async () => {
  const accounts = [await makeAccount(db), await makeAccount(db), await makeAccount(db)] as const
  const ids: string[] = []
  for (let i = 0; i < 24; i++) {
    const account = accounts[i % 5 === 0 ? 0 : i % 2 === 0 ? 1 : 2]
    const job = makeQueuedJob(account, { mode: i % 3 === 0 ? 'sync' : 'async', characters: 50 + ((i * 37) % 11) * 100 })
    await submitJob(db, job)
    ids.push(job.id)
  }
  const positions = new Map<string, number>()
  for (const id of ids) positions.set(id, await countJobsAhead(db, id, AT_MOST))
  assert.deepEqual(
    [...positions.values()].sort((a, b) => a - b),
    ids.map((_, index) => index),
  )
  for (let expected = 0; expected < ids.length; expected++) {
    const [claimed] = await claimJobs(db, claim)
    assert.equal(positions.get(claimed?.id ?? ''), expected)
  }
})

test('nothing is before a job that runs or has ended, or that never was', async () => {
  const account = await makeAccount(db)
  const [running, cancelled] = [makeQueuedJob(account), makeQueuedJob(account)]
  await submitJob(db, running)
  assert.deepEqual(
    (await claimJobs(db, claim)).map(({ id }) => id),
    [running.id],
  )
  await submitJob(db, cancelled)
  await cancelJob(db, account.accountId, cancelled.id)
  for (const id of [running.id, cancelled.id, newId()]) assert.equal(await countJobsAhead(db, id, AT_MOST), 0)
})

test('counting stops where it is told to', async () => {
  const { accountId, apiKeyId } = await makeAccount(db)
  await sql`
    insert into jobs (id, account_id, api_key_id, state, mode, request, turn, hold_micro, expires_at)
    select md5(n::text), ${accountId}, ${apiKeyId}, 'queued', 'async', '{}', n, 0, now() + interval '1 hour'
    from generate_series(1, ${AT_MOST + 200}) as n
  `.execute(db)
  const { rows } = await sql<{ id: string; turn: number }>`
    select id, turn from jobs where account_id = ${accountId} and turn in (1, 1000, 1001, 1200) order by turn
  `.execute(db)
  const found = await Promise.all(rows.map(({ id }) => countJobsAhead(db, id, AT_MOST)))
  assert.deepEqual(found, [0, 999, AT_MOST, AT_MOST])
  await sql`delete from jobs where account_id = ${accountId}`.execute(db)
})
