// The query that KEDA asks: on the real schema it counts what workers are needed for, and its cost does not grow with the queue.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { readDeployFile, readYaml, readYamlDocuments } from './deploy-files.ts'

const [scaledObject, authentication] = readYamlDocuments(
  readDeployFile('kubernetes/components/autoscale-workers/scaled-object.yaml'),
)
const [trigger] = scaledObject.spec.triggers
const { db } = await openTestDatabase()
const { accountId, apiKeyId } = await makeAccount(db)

const askKeda = async (): Promise<number> => {
  const { rows } = await sql.raw<Record<string, unknown>>(trigger.metadata.query).execute(db)
  assert.equal(rows.length, 1)
  const values = Object.values(rows[0] ?? {})
  assert.equal(values.length, 1, 'KEDA reads one number')
  return Number(values[0])
}

const addJobs = (jobs: number, state: 'queued' | 'running' | 'cancelled', runIn: string | null = null) =>
  sql`
    insert into jobs (id, account_id, api_key_id, state, mode, request, hold_micro, run_at, lease_token, lease_until, finished_at, expires_at)
    select md5(random()::text || n), ${accountId}, ${apiKeyId}, ${state}, case when n % 2 = 0 then 'sync' else 'async' end, '{}', 0,
      now() + ${runIn}::interval,
      case when ${state} = 'running' then md5(n::text) end, case when ${state} = 'running' then now() end,
      case when ${state} = 'cancelled' then now() end, now() + interval '1 day'
    from generate_series(1, ${jobs}::int) n
  `.execute(db)

test('an empty queue needs nobody: the scaler lets the last worker go', async () => {
  assert.equal(await askKeda(), 0)
  assert.equal(scaledObject.spec.minReplicaCount, 0)
  assert.equal(Number(trigger.metadata.activationTargetQueryValue), 0)
})

test('jobs that could run count, and those that do; a retry counts when its time has come; what is over does not', async () => {
  await addJobs(3, 'queued')
  assert.equal(await askKeda(), 3)
  await addJobs(2, 'running')
  assert.equal(await askKeda(), 5)
  await addJobs(7, 'cancelled')
  await addJobs(4, 'queued', '1 hour')
  assert.equal(await askKeda(), 5)
  await addJobs(1, 'queued', '-1 second')
  assert.equal(await askKeda(), 6)
})

test('with 5,000 jobs waiting and 5,000 behind it, it stops counting, and reads little of the table', async () => {
  await addJobs(5_000, 'queued')
  await addJobs(5_000, 'cancelled')
  await sql`analyze jobs`.execute(db)
  assert.equal(await askKeda(), 1000 + 1 + 2)
  const plan = await sql
    .raw<{ 'QUERY PLAN': string }>(`explain (analyze, costs off) ${trigger.metadata.query}`)
    .execute(db)
  const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
  // A sequential scan that a limit ends after 1,000 rows of 5,000 is as good as an index; one that reads the table is not.
  for (const [, rows] of text.matchAll(/Scan.*rows=(\d+)(?:\.\d+)? loops/g)) assert.ok(Number(rows) <= 1000, text)
  assert.doesNotMatch(text, /Rows Removed by Filter: \d{3,}/, text)
})

test('the scaler, the worker and the secret mean the same', () => {
  const [worker] = readYamlDocuments(readDeployFile('kubernetes/base/worker.yaml'))
  const settings = Object.fromEntries(
    worker.spec.template.spec.containers[0].env.map((entry: { name: string; value?: string }) => [
      entry.name,
      entry.value,
    ]),
  )
  assert.equal(trigger.metadata.targetQueryValue, settings.WORKER_SLOTS)
  assert.equal(scaledObject.spec.scaleTargetRef.name, worker.metadata.name)
  assert.equal(trigger.authenticationRef.name, authentication.metadata.name)
  const [{ parameter, name, key }] = authentication.spec.secretTargetRef
  assert.deepEqual([parameter, key], ['connection', 'DATABASE_URL'])
  assert.ok(
    worker.spec.template.spec.containers[0].envFrom.some(
      (from: { secretRef?: { name: string } }) => from.secretRef?.name === name,
    ),
  )
  assert.ok(readYaml('compose.yaml').services.worker.environment.DATABASE_URL)
})
