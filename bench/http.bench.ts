// What everything around the engine costs: a request over a real socket through authentication, limits, hold, admission, voice cache,
// encoding, durable blob and charge to the first byte of sound, with an engine that costs nothing.
// `node build/bench/http.bench.js [--rounds 5] [--seconds 3] [--accounts 1]`; the last line is the result as JSON. Requests of one account
// take turns at its balance, twice a request; with more accounts the clients are spread over them.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { encodeAudio } from '../src/audio/encode/encoder.ts'
import { priceMicro } from '../src/billing/prices.ts'
import { packageRoot, readConfig } from '../src/config.ts'
import { MODEL_SLUG } from '../src/contract/models.ts'
import { invariant } from '../src/errors.ts'
import { createLog } from '../src/log.ts'
import { startServer } from '../src/main.ts'
import type { Database } from '../src/storage/postgres.ts'
import { makeAccount } from '../test/harness/accounts.ts'
import { joinDatabase } from '../test/harness/join-database.ts'
import { speechLike } from '../test/harness/signals.ts'
import { makeTemporaryFolder } from '../test/harness/temporary-folder.ts'
import { createToneEngine } from '../test/harness/tone-engine.ts'
import type { Load, LoadResult } from './load-clients.ts'

const CLIENTS = [1, 16, 64]
const API_KEY = 'bench'
const TEXT = 'The train to the coast leaves at nine. [laugh]'

interface Row {
  readonly clients: number
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requestsPerSecond: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    accounts: { type: 'string', default: '1' },
  },
})
const folder = await makeTemporaryFolder()
try {
  const rows = await measure(Number(values.rounds), Number(values.seconds), Number(values.accounts))
  console.table(rows)
  console.log(JSON.stringify({ bench: 'http', ...describeMachine(), ...values, rows }))
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measure(rounds: number, seconds: number, accounts: number): Promise<Row[]> {
  const config = readConfig({
    BOOTSTRAP_API_KEY: API_KEY,
    BOOTSTRAP_CREDITS: '1000000',
    DATA_DIR: path.join(folder, 'data'),
    // Admission is not what is measured, and the limiter shall do its work without ever refusing.
    WORKER_SLOTS: '64',
    PORT: '0',
    RATE_LIMIT_RPM: '100000000',
  })
  const log = createLog({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' })
  await using server = await startServer(config, log, { engine: createToneEngine() })
  await using database = await joinDatabase(config.DATA_DIR)
  const apiKeys = [API_KEY, ...(await makeKeys(database.db, accounts - 1))]
  const reference = await uploadReference(server.url)
  const body = JSON.stringify({ text: TEXT, reference_audio: reference, seed: 1 })
  const load = (clients: number, forSeconds: number) =>
    runLoad({ url: `${server.url}/v1/${MODEL_SLUG}`, apiKeys, body, clients, seconds: forSeconds })

  const before = await readBalances(database.db)
  let sent = 0
  for (const clients of CLIENTS) sent += (await load(clients, 2)).firstByteMs.length // warm-up
  const results = new Map(CLIENTS.map((clients) => [clients, [] as LoadResult[]]))
  // Interleaved, so that a noisy minute of the machine falls on all of them.
  for (let round = 0; round < rounds; round++) {
    for (const clients of CLIENTS) {
      const result = await load(clients, seconds)
      sent += result.firstByteMs.length
      results.get(clients)?.push(result)
    }
  }
  const spentMicro = before - (await readBalances(database.db))
  const expectedMicro = sent * priceMicro(TEXT, config.PRICE_PER_1000_CHARACTERS)
  invariant(spentMicro === expectedMicro, `${spentMicro} µ$ were charged for ${expectedMicro} µ$ of speech`)
  return CLIENTS.map((clients) => summarize(clients, results.get(clients) ?? []))
}

async function runLoad(load: Load): Promise<LoadResult> {
  const worker = new Worker(fileURLToPath(new URL('./load-clients.js', import.meta.url)), { workerData: load })
  const [result] = await once(worker, 'message')
  return result as LoadResult
}

/** Of each number the median over the rounds. */
function summarize(clients: number, rounds: readonly LoadResult[]): Row {
  const percentile = ({ firstByteMs }: LoadResult, share: number) =>
    firstByteMs[Math.min(firstByteMs.length - 1, Math.floor(firstByteMs.length * share))] ?? Number.NaN
  const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
  const rounded = (number: number) => Math.round(number * 10) / 10
  return {
    clients,
    requests: rounds.reduce((total, { firstByteMs }) => total + firstByteMs.length, 0),
    p50Ms: rounded(median(rounds.map((round) => percentile(round, 0.5)))),
    p99Ms: rounded(median(rounds.map((round) => percentile(round, 0.99)))),
    requestsPerSecond: rounded(median(rounds.map(({ firstByteMs, seconds }) => firstByteMs.length / seconds))),
  }
}

async function uploadReference(url: string): Promise<string> {
  const recording = await encodeAudio(speechLike(6, 16_000), 16_000, 'wav')
  const response = await fetch(`${url}/v1/upload-asset`, {
    method: 'POST',
    headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ data_urls: [`data:audio/wav;base64,${Buffer.from(recording).toString('base64')}`] }),
  })
  const { urls } = (await response.json()) as { urls: string[] }
  invariant(urls[0], `the upload was answered with ${response.status}`)
  return urls[0]
}

async function makeKeys(db: Database, count: number): Promise<string[]> {
  const accounts = await Promise.all(Array.from({ length: count }, () => makeAccount(db, 1e12)))
  return accounts.map(({ key }) => key)
}

async function readBalances(db: Database): Promise<number> {
  const accounts = await db.selectFrom('accounts').select('balance_micro').execute()
  return accounts.reduce((total, { balance_micro }) => total + balance_micro, 0)
}

function describeMachine() {
  const [cpu] = os.cpus()
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot, encoding: 'utf8' }).trim()
  return {
    commit,
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpu?.model,
    cores: os.cpus().length,
    loadAverage: os.loadavg()[0],
  }
}
