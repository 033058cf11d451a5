// What dashboards see of the queue: what is there, and nothing while the database does not answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { findQueueState } from '../../src/jobs/queue-state.ts'
import { createMetrics, watchQueue } from '../../src/metrics.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const { accountId, apiKeyId } = await makeAccount(db)

/** Puts rows where the queue has them, at any age. */
const addJobs = (jobs: number, row: { state: string; mode: string; ageSeconds?: number; runInSeconds?: number }) =>
  sql`
    insert into jobs (id, account_id, api_key_id, state, mode, request, hold_micro, queued_at, run_at, lease_token, lease_until, expires_at)
    select md5(random()::text || n), ${accountId}, ${apiKeyId}, ${row.state}, ${row.mode}, '{}', 0,
      now() - ${row.ageSeconds ?? 0}::float8 * interval '1 second',
      now() + ${row.runInSeconds ?? null}::float8 * interval '1 second',
      case when ${row.state} = 'running' then md5(n::text) end, case when ${row.state} = 'running' then now() end,
      now() + interval '1 day'
    from generate_series(1, ${jobs}::int) n
  `.execute(db)

const addWorker = (slots: number, seenSecondsAgo: number) =>
  sql`
    insert into workers (id, host, model, version, slots, seen_at)
    values (${newId()}, 'host', 'preview', '0', ${slots}, now() - ${seenSecondsAgo}::float8 * interval '1 second')
  `.execute(db)

test('an empty queue is all zeros', async () => {
  const none = { queued: 0, oldestSeconds: 0, delayed: 0, running: 0 }
  assert.deepEqual(await findQueueState(db), {
    modes: [
      { mode: 'sync', ...none },
      { mode: 'async', ...none },
    ],
    workers: 0,
    slots: 0,
  })
})

test('the numbers are those of the jobs and workers that are there, and become gauges', async () => {
  await addJobs(3, { state: 'queued', mode: 'sync' })
  await addJobs(1, { state: 'queued', mode: 'sync', ageSeconds: 40 })
  await addJobs(5, { state: 'queued', mode: 'async', runInSeconds: 60 })
  await addJobs(2, { state: 'running', mode: 'async' })
  await addWorker(4, 1)
  await addWorker(2, 5)
  await addWorker(8, 3600)

  const metrics = createMetrics()
  watchQueue(metrics, () => findQueueState(db))
  const text = await metrics.registry.metrics()
  const value = (name: string) => Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (.+)$`, 'm').exec(text)?.[1])
  assert.equal(value('chatterbox_queue_jobs{mode="sync"}'), 4)
  assert.equal(value('chatterbox_queue_jobs{mode="async"}'), 0)
  const oldest = value('chatterbox_queue_oldest_seconds{mode="sync"}')
  assert.ok(oldest >= 40 && oldest < 100, `${oldest} s`)
  assert.equal(value('chatterbox_queue_delayed_jobs{mode="async"}'), 5)
  assert.equal(value('chatterbox_jobs_running{mode="async"}'), 2)
  assert.equal(value('chatterbox_workers'), 2)
  assert.equal(value('chatterbox_worker_slots'), 6)
})

test('without an answer of the database the gauges are absent, and all other metrics are there', async () => {
  const metrics = createMetrics()
  watchQueue(metrics, () => Promise.reject(new Error('no database')))
  const text = await metrics.registry.metrics()
  assert.doesNotMatch(text, /^chatterbox_(queue_jobs|queue_oldest|jobs_running|workers)\b.* \S+$/m)
  assert.match(text, /^chatterbox_engine_starts_total 0$/m)
})
