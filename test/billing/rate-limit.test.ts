// Requests per minute, counted exactly however many ask at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { removeUnusedRateLimits, takeRequest } from '../../src/billing/rate-limit.ts'
import { newId } from '../../src/storage/ids.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()

/** Milliseconds, by the database's clock. */
async function readClock(): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db)
  return rows[0]?.now.getTime() ?? 0
}

/** As if that much time had gone by for this subject. */
async function wait(subject: string, seconds: number): Promise<void> {
  await sql`update rate_limits set arrival_us = arrival_us - ${seconds * 1e6}::bigint where subject = ${subject}`.execute(
    db,
  )
}

test('of many requests at once exactly the limit is allowed', async () => {
  const subject = newId()
  const perMinute = 2 // so few that no request becomes free while the test runs: one does every 30 s
  const taken = await Promise.all(Array.from({ length: 40 }, () => takeRequest(db, subject, perMinute)))
  assert.equal(taken.filter(({ allowed }) => allowed).length, perMinute)
  for (const refused of taken.filter(({ allowed }) => !allowed)) {
    assert.equal(refused.remaining, 0)
    assert.ok(refused.retryAfterSeconds > 0 && refused.retryAfterSeconds <= 30.1, `${refused.retryAfterSeconds}`)
  }
})

test('what remains counts down to nothing, and comes back one by one', async () => {
  const subject = newId()
  const remaining: number[] = []
  for (let i = 0; i < 3; i++) remaining.push((await takeRequest(db, subject, 3)).remaining)
  assert.deepEqual(remaining, [2, 1, 0])
  assert.equal((await takeRequest(db, subject, 3)).allowed, false)
  await wait(subject, 20)
  assert.equal((await takeRequest(db, subject, 3)).allowed, true)
  assert.equal((await takeRequest(db, subject, 3)).allowed, false)
  await wait(subject, 1000) // a long pause gives one minute's requests, not more
  const after: boolean[] = []
  for (let i = 0; i < 4; i++) after.push((await takeRequest(db, subject, 3)).allowed)
  assert.deepEqual(after, [true, true, true, false])
})

test('the reset time is when the whole limit is back', async () => {
  const before = await readClock()
  const { resetAt } = await takeRequest(db, newId(), 1)
  const after = await readClock()
  assert.ok(resetAt.getTime() >= before + 60_000 - 1 && resetAt.getTime() <= after + 60_000 + 1)
})

test('subjects have nothing to do with each other', async () => {
  assert.equal((await takeRequest(db, 'speak:a', 1)).allowed, true)
  assert.equal((await takeRequest(db, 'speak:b', 1)).allowed, true)
  assert.equal((await takeRequest(db, 'speak:a', 1)).allowed, false)
})

test('subjects that have their whole limit again are forgotten, others are not', async () => {
  const [idle, busy] = [newId(), newId()]
  await takeRequest(db, idle, 1)
  await takeRequest(db, busy, 1)
  await wait(idle, 61)
  await removeUnusedRateLimits(db)
  const left = await db.selectFrom('rate_limits').select('subject').where('subject', 'in', [idle, busy]).execute()
  assert.deepEqual(left, [{ subject: busy }])
})
