// What the queue costs and whether it is fair: from the commit of a job to its worker, jobs a second, who waits for whom, and claims among
// many rows. Embedded PostgreSQL with fsync; the work itself costs nothing.
// `node build/bench/jobs.bench.js [--samples 200] [--rows 100000]`; the last line is the result as JSON.
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { packageRoot } from '../src/config.ts'
import { type ClaimedJob, claimJobs } from '../src/jobs/claim.ts'
import { completeJob } from '../src/jobs/finish.ts'
import { releaseJob } from '../src/jobs/lease.ts'
import { openJobSignals } from '../src/jobs/signals.ts'
import { submitJob } from '../src/jobs/submit.ts'
import { startWorker, type Task } from '../src/jobs/worker.ts'
import { startEmbeddedPostgres } from '../src/storage/embedded-postgres.ts'
import { newId } from '../src/storage/ids.ts'
import { migrate } from '../src/storage/migrate.ts'
import { openDatabase } from '../src/storage/postgres.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../test/harness/accounts.ts'
import { quietLog } from '../test/harness/quiet-log.ts'
import { makeTemporaryFolder } from '../test/harness/temporary-folder.ts'

const { values } = parseArgs({
  options: { samples: { type: 'string', default: '200' }, rows: { type: 'string', default: '100000' } },
})
const samples = Number(values.samples)
const rows = Number(values.rows)

const folder = await makeTemporaryFolder()
const postgres = await startEmbeddedPostgres(folder, quietLog)
const db = openDatabase(postgres.connection, { poolSize: 16 })
const signals = openJobSignals({ db, connection: postgres.connection, log: quietLog })
try {
  await migrate(db)
  for (let tries = 0; !signals.isListening && tries < 500; tries++) await sleep(20)
  const result = {
    pickupMs: await measurePickup(),
    jobsPerSecond: { '1 worker': await measureThroughput(1), '4 workers': await measureThroughput(4) },
    placeBehind10000: await measureFairness(),
    syncBehindBatchMs: await measureSyncBehindBatch(),
    claimMs: await measureClaims(),
  }
  for (const [name, numbers] of Object.entries(result)) console.log(name.padEnd(20), JSON.stringify(numbers))
  console.log(JSON.stringify({ bench: 'jobs', ...describeMachine(), ...values, ...result }))
} finally {
  await signals[Symbol.asyncDispose]()
  await db.destroy()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

function quantiles(numbers: readonly number[]) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

async function complete({ id, leaseToken }: ClaimedJob): Promise<void> {
  await completeJob(db, { id, leaseToken, chargeMicro: 1, output: makeOutput(id), result: {} })
}

function worker(task: Task, slots: number) {
  const describe = { host: 'bench', model: 'none', version: '0' }
  return startWorker({ db, signals, slots, describe, task, log: quietLog })
}

/** From the answer to a submit until an idle worker begins. */
async function measurePickup() {
  const account = await makeAccount(db, 1e12)
  const waits: number[] = []
  let begun: (at: number) => void = () => {}
  await using _worker = worker(async (job) => {
    begun(performance.now())
    await complete(job)
  }, 4)
  for (let i = 0; i < samples; i++) {
    const begins = new Promise<number>((resolve) => {
      begun = resolve
    })
    await submitJob(db, makeQueuedJob(account, { holdMicro: 1 }))
    const submittedAt = performance.now()
    waits.push((await begins) - submittedAt)
    await sleep(5 + Math.random() * 10)
  }
  return quantiles(waits)
}

/** Claimed, completed and charged, of 16 accounts. */
async function measureThroughput(workers: number): Promise<number> {
  const accounts = await Promise.all(Array.from({ length: 16 }, () => makeAccount(db, 1e12)))
  const jobs = samples * 5
  for (let i = 0; i < jobs; i++) await submitJob(db, makeQueuedJob(accounts[i % 16] as TestAccount, { holdMicro: 1 }))
  let left = jobs
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const startedAt = performance.now()
  const started = Array.from({ length: workers }, () =>
    worker(async (job) => {
      await complete(job)
      left -= 1
      if (left === 0) finish()
    }, 4),
  )
  await finished
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.all(started.map((one) => one[Symbol.asyncDispose]()))
  return Math.round(jobs / seconds)
}

/** How many jobs are claimed from another account's submit until it is its turn. */
async function measureFairness() {
  const [busy, late] = [await makeAccount(db, 1e12), await makeAccount(db, 1e12)]
  await fill(busy, 10_000, 'async')
  const claim = (slots: number) => claimJobs(db, { workerId: newId(), slots, asyncSlots: slots, leaseSeconds: 600 })
  await claim(100)
  const job = makeQueuedJob(late, { mode: 'async', holdMicro: 1 })
  await submitJob(db, job)
  let before = 0
  for (let [claimed] = await claim(1); claimed && claimed.id !== job.id; [claimed] = await claim(1)) before += 1
  await sql`delete from jobs where state in ('queued', 'running')`.execute(db)
  return before
}

/** One slot, batch jobs in pieces of 40 ms: from a sync job's submit to its begin, and without any batch. */
async function measureSyncBehindBatch() {
  const account = await makeAccount(db, 1e12)
  const begins = new Map<string, (at: number) => void>()
  const waitOnce = async () => {
    const job = makeQueuedJob(account, { holdMicro: 1 })
    const begun = new Promise<number>((resolve) => begins.set(job.id, resolve))
    const submittedAt = performance.now()
    await submitJob(db, job)
    return (await begun) - submittedAt
  }
  const task: Task = async (job, lease) => {
    if (job.mode === 'sync') {
      begins.get(job.id)?.(performance.now())
      return complete(job)
    }
    for (let piece = 0; piece < 5; piece++) {
      await sleep(40)
      if (piece < 4 && lease.shouldYield()) {
        await releaseJob(db, { id: job.id, leaseToken: job.leaseToken, delaySeconds: 0, countAttempt: false })
        return
      }
    }
    await complete(job)
  }
  await using _worker = worker(task, 1)
  const waits = async () => {
    const found: number[] = []
    for (let i = 0; i < samples / 4; i++) {
      found.push(await waitOnce())
      await sleep(Math.random() * 100)
    }
    return quantiles(found)
  }
  const alone = await waits()
  for (let i = 0; i < 200; i++) await submitJob(db, makeQueuedJob(account, { mode: 'async', holdMicro: 1 }))
  await sleep(50)
  return { alone, behind200: await waits() }
}

/** One claim of one job, among few rows and among many, before and after the planner has counted them. */
async function measureClaims() {
  await sql`delete from jobs`.execute(db)
  const account = await makeAccount(db, 1e12)
  const time = async () => {
    const times: number[] = []
    for (let i = 0; i < samples; i++) {
      const startedAt = performance.now()
      await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 600 })
      times.push(performance.now() - startedAt)
    }
    return quantiles(times)
  }
  await fill(account, samples + 100, 'async')
  const few = await time()
  await fill(account, rows, 'async')
  await sql`
    insert into jobs (
      id, account_id, api_key_id, state, request, hold_micro, charge_micro, turn, expires_at, finished_at,
      output_token, output_blob_key, output_media_type, output_bytes, output_sha256, output_audio_seconds
    )
    select
      md5(random()::text || n), ${account.accountId}, ${account.apiKeyId}, 'completed', '{}', 0, 0, n,
      now() + interval '1 day', now(), md5('output' || n), 'o' || n, 'audio/wav', 1, '', 1
    from generate_series(1, ${rows}::int) as n
  `.execute(db)
  const many = await time()
  await sql`analyze`.execute(db)
  return { few, many, manyAnalysed: await time(), fewRows: samples + 100, manyRows: 2 * rows }
}

async function fill(account: TestAccount, jobs: number, mode: 'sync' | 'async'): Promise<void> {
  await sql`
    insert into jobs (id, account_id, api_key_id, state, mode, request, hold_micro, characters, turn, expires_at)
    select
      md5(random()::text || n), ${account.accountId}, ${account.apiKeyId}, 'queued', ${mode}, '{}', 0, 100,
      (select last_value from jobs_async_clock) + n * 100, now() + interval '1 day'
    from generate_series(1, ${jobs}::int) as n
  `.execute(db)
}

function describeMachine() {
  const [cpu] = os.cpus()
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot, encoding: 'utf8' }).trim()
  const machine = { cpu: cpu?.model, cores: os.cpus().length, loadAverage: os.loadavg()[0] }
  return { commit, date: new Date().toISOString(), node: process.version, ...machine }
}
