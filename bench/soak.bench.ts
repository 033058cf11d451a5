// Does a server that is used for long stay as it was? A real `chatterbox serve` with the preview engine over embedded PostgreSQL; clients
// of both APIs; the most clients that are served without an error, three quarters of them for `--minutes`, and then what grew.
// `node build/bench/soak.bench.js [--minutes 30] [--step-seconds 10]`; the last line is the result as JSON. Ends with 1 if anything failed
// that no client provoked, or the books are wrong. Linux: it reads /proc.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { packageRoot } from '../src/config.ts'
import { createFileBlobs } from '../src/storage/file-blobs.ts'
import type { Database } from '../src/storage/postgres.ts'
import { childrenOf } from '../test/chaos/processes.ts'
import { makeAccount } from '../test/harness/accounts.ts'
import { joinDatabase } from '../test/harness/join-database.ts'
import { auditMoney } from '../test/harness/money-audit.ts'
import { freePort } from '../test/harness/ports.ts'
import { makeTemporaryFolder } from '../test/harness/temporary-folder.ts'
import { startReceiver } from '../test/webhooks/receiver.ts'
import { describeMachine } from './machine.ts'
import { lowestOfEachMinute, type Reading, slopeOf } from './slope.ts'
import { type ClientsResult, createClients } from './soak-clients.ts'

const ACCOUNTS = 4
const RAMP_CLIENTS = [2, 4, 8, 16, 24]
/** A step of the ramp is held while no request fails and 99 of 100 v1 requests take no longer than this. */
const BOUND_P99_MS = 30_000
const SHARE_OF_MOST = 0.75
const SAMPLE_EVERY_MS = 10_000
const LEFT_OUT_SECONDS = 300
const START_TIMEOUT_MS = 180_000

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, 'step-seconds': { type: 'string', default: '10' } },
})
const minutes = Number(values.minutes)
const stepSeconds = Number(values['step-seconds'])

const folder = await makeTemporaryFolder()
const dataDir = path.join(folder, 'data')
const startedAt = performance.now()
const elapsed = () => (performance.now() - startedAt) / 1000
const say = (line: string) => console.log(`${elapsed().toFixed(0).padStart(5)} s  ${line}`)
async function soak(): Promise<boolean> {
  const server = await startServer()
  try {
    await using database = await joinDatabase(dataDir)
    await using receiver = await startCounter()
    const { db } = database
    const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => makeAccount(db, 1e12)))
    const clients = await createClients({
      baseUrl: server.url,
      apiKeys: accounts.map(({ key }) => key),
      webhookUrl: receiver.url,
    })
    const most = await findMost(clients)
    const count = Math.max(1, Math.round(most * SHARE_OF_MOST))
    const rampErrors = Object.fromEntries(clients.errors)
    clients.errors.clear()

    const heldFrom = elapsed()
    const samples = startSamples(server, db)
    const held = await clients.run(count, minutes * 60)
    const series = await samples.stop()
    say('load is over')
    const complaints = await settle(db, clients.expectedWebhooks, receiver.received)
    const exitCode = await server.stop()
    if (exitCode !== 0) complaints.push(`the server ended with ${exitCode}`)
    complaints.push(...server.warnings)
    const books = await auditMoney(db, createFileBlobs(path.join(dataDir, 'blobs')), clients.deliveries)
    // The audit's rule for the events of async jobs holds where nobody takes them; this server's deliverer did.
    complaints.push(...books.filter((line) => !line.startsWith('Not true that an async job that has ended')))

    const slopes = Object.fromEntries(
      Object.entries(series).map(([name, readings]) => {
        const after = readings.filter(({ seconds }) => seconds - heldFrom > Math.min(LEFT_OUT_SECONDS, minutes * 10))
        return [name, rounded(slopeOf(lowestOfEachMinute(after)))]
      }),
    )
    const load = { clients: count, mostClients: most, ...summarize(held) }
    const errors = Object.fromEntries(clients.errors)
    console.table(slopes)
    console.table(rounded(load))
    for (const [kind, times] of [...clients.answers].sort()) console.log(String(times).padStart(8), kind)
    for (const [kind, times] of clients.errors) console.log(`ERROR ${times} × ${kind}`)
    for (const complaint of complaints) console.log(`WRONG ${complaint}`)
    const answers = Object.fromEntries(clients.answers)
    const told = { webhooks: clients.expectedWebhooks.size, deliveries: clients.deliveries.length }
    console.log(
      JSON.stringify({
        bench: 'soak',
        ...describeMachine(),
        loadAverage: os.loadavg()[0],
        minutes,
        ...rounded(load),
        slopes,
        rampErrors,
        errors,
        complaints,
        ...told,
        answers,
      }),
    )
    return clients.errors.size > 0 || complaints.length > 0
  } finally {
    await server.stop()
  }
}

interface Server {
  readonly url: string
  readonly pid: number
  /** Every line of the log at `warn` or above, and everything Node itself has to say. */
  readonly warnings: readonly string[]
  stop(): Promise<number | null>
}

async function startServer(): Promise<Server> {
  const port = await freePort()
  const program = path.join(packageRoot, 'build/src/cli/cli.js')
  // `kill -USR2` writes a heap snapshot into the folder, for whoever wants to know what grows.
  const child: ChildProcess = spawn(
    process.execPath,
    ['--heapsnapshot-signal=SIGUSR2', '--trace-warnings', `--diagnostic-dir=${folder}`, program, 'serve'],
    {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        BOOTSTRAP_API_KEY: 'soak',
        DATA_DIR: dataDir,
        LOG_FORMAT: 'json',
        LOG_LEVEL: 'warn',
        MODEL: 'preview',
        PORT: String(port),
        // The limiter shall do its work without ever refusing.
        RATE_LIMIT_RPM: '100000000',
        RESULT_TTL_HOURS: '1',
        WEBHOOK_ALLOW_HTTP: 'true',
        WEBHOOK_ALLOW_PRIVATE: 'true',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const warnings: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) readline.createInterface(stream).on('line', (line) => warnings.push(line))
  }
  const url = `http://127.0.0.1:${port}`
  const giveUpAt = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    if (answer?.ok) break
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      child.kill('SIGKILL')
      throw new Error(`no server: ${warnings.join('\n')}`)
    }
    await sleep(100)
  }
  warnings.length = 0 // what it says of itself at the start
  return {
    url,
    pid: child.pid ?? 0,
    warnings,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      return child.exitCode
    },
  }
}

/** More and more clients who never rest, until something fails or takes too long. */
async function findMost(clients: Awaited<ReturnType<typeof createClients>>): Promise<number> {
  await clients.run(4, 5) // the engine starts, voices are encoded
  let most = 0
  for (const count of RAMP_CLIENTS) {
    const result = await clients.run(count, stepSeconds)
    say(`${count} clients: ${JSON.stringify(rounded(summarize(result)))}`)
    if (result.errors > 0 || quantile(result.speechMs, 0.99) > BOUND_P99_MS) break
    most = count
  }
  if (most === 0) throw new Error(`nobody is served as they should be: ${JSON.stringify([...clients.errors])}`)
  return most
}

/** Readings of the server's process and of what it keeps, until they are stopped. */
function startSamples({ url, pid }: Server, db: Database) {
  const series: Record<string, Reading[]> = {}
  let stopped = false
  const sample = async (): Promise<void> => {
    const seconds = elapsed()
    const reading: Record<string, number> = {
      serverRssMb: residentMb(pid),
      serverFds: readdirSync(`/proc/${pid}/fd`).length,
    }
    const engine = childrenOf(pid).find(({ command }) => command.includes('engine'))
    if (engine) reading.engineRssMb = residentMb(engine.pid)
    const text = await (await fetch(`${url}/metrics`)).text()
    const metric = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
    reading.heapUsedMb = metric('nodejs_heap_size_used_bytes') / 2 ** 20
    reading.externalMb = metric('nodejs_external_memory_bytes') / 2 ** 20
    reading.activeResources = metric('nodejs_active_resources_total')
    reading.loopLagP99Ms = metric('nodejs_eventloop_lag_p99_seconds') * 1000
    const [row] = (
      await sql<{ connections: number; jobs: number; mb: number }>`
        select
          (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
          (select count(*)::int from jobs) as jobs,
          pg_database_size(current_database())::float8 / 1048576 as mb
      `.execute(db)
    ).rows
    reading.postgresConnections = row?.connections ?? Number.NaN
    reading.jobRows = row?.jobs ?? Number.NaN
    reading.databaseMb = row?.mb ?? Number.NaN
    reading.loadAverage = os.loadavg()[0] ?? Number.NaN
    for (const [name, value] of Object.entries(reading)) {
      series[name] ??= []
      series[name].push({ seconds, value })
    }
    const isEachMinute = (series.serverFds?.length ?? 0) % 6 === 1
    if (!isEachMinute) return
    series.dataFolderMb ??= []
    series.dataFolderMb.push({ seconds, value: diskMb(dataDir) })
    say(JSON.stringify(rounded(reading)))
  }
  const running = (async () => {
    while (!stopped) {
      const next = performance.now() + SAMPLE_EVERY_MS
      await sample().catch((error: unknown) => say(`no sample: ${error}`))
      while (!stopped && performance.now() < next) await sleep(100)
    }
  })()
  return {
    async stop() {
      stopped = true
      await running
      return series
    },
  }
}

const residentMb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

const diskMb = (place: string) => {
  // A file that is renamed meanwhile makes `du` complain and count on.
  const script = `du -sk ${place} 2>/dev/null || true`
  return Number.parseInt(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), 10) / 1024
}

/** All jobs end, and all webhooks arrive, once each. */
async function settle(db: Database, expected: ReadonlySet<string>, received: ReadonlyMap<string, number>) {
  const giveUpAt = performance.now() + 60_000
  const open = () => db.selectFrom('jobs').select('id').where('state', 'in', ['queued', 'running']).execute()
  const untold = () => [...expected].filter((id) => !received.has(id))
  while (((await open()).length > 0 || untold().length > 0) && performance.now() < giveUpAt) await sleep(250)
  const repeated = [...received].filter(([, times]) => times > 1)
  return [
    ...(await open()).map(({ id }) => `job ${id} is still open`),
    ...untold().map((id) => `no webhook came for job ${id}`),
    ...repeated.map(([id, times]) => `${times} webhooks came for job ${id}`),
  ]
}

/** Counts the messages of each request. */
async function startCounter() {
  const received = new Map<string, number>()
  const receiver = await startReceiver(({ body }, response) => {
    const { request_id: id } = (JSON.parse(body) as { data: { request_id: string } }).data
    received.set(id, (received.get(id) ?? 0) + 1)
    response.end()
  })
  return { url: receiver.url, received, [Symbol.asyncDispose]: receiver[Symbol.asyncDispose] }
}

const quantile = (ascending: readonly number[], share: number) =>
  ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN

function summarize({ speechMs, jobMs, ...result }: ClientsResult) {
  return {
    ...result,
    speechP50Ms: quantile(speechMs, 0.5),
    speechP99Ms: quantile(speechMs, 0.99),
    jobP50Ms: quantile(jobMs, 0.5),
    jobP99Ms: quantile(jobMs, 0.99),
  }
}

function rounded<T extends object>(numbers: T): T {
  const round = (value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value)
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, round(value)])) as T
}

let failed = true
try {
  failed = await soak()
} finally {
  if (failed) say(`everything is kept in ${folder}`)
  else await rm(folder, { recursive: true })
}
process.exitCode = failed ? 1 : 0
