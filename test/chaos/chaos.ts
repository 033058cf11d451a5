// Kills a serving machine piece by piece, over and over, while customers insist on being served, and audits what is left:
// `node build/test/chaos/chaos.js --kills 300 [--seed 1] [--customers 6] [--mutant split-charge|early-bytes]`.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { type Database, openDatabase } from '../../src/storage/postgres.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { seededRandom, speechLike } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { type Customers, startCustomers } from './customers.ts'
import { auditReceipts } from './receipts-audit.ts'
import { prepareReferences } from './references.ts'
import { createVictims, type Target, type Victims } from './victims.ts'

export const MUTANTS = ['split-charge', 'early-bytes'] as const
// A killed server's jobs are released when their leases run out, 30 s after the last renewal, by the next sweep.
const AT_REST_TIMEOUT_MS = 90_000
const SERVED_TIMEOUT_MS = 8000
const PRICE_PER_1000_CHARACTERS = 0.05
// The server twice as often as the others: it has the most moments at which to die.
const TARGETS: readonly Target[] = ['engine', 'server', 'server', 'postgres', 'machine']

export interface ChaosOptions {
  readonly kills: number
  /** Fixes the choices, not the moments. */
  readonly seed: number
  readonly customers: number
  /** After the last kill, all leases are over at once; otherwise the customers of a killed server wait for up to 30 s. */
  readonly hurry?: boolean
  /** A fault put into the server on purpose: then the audit must find something. */
  readonly mutant?: (typeof MUTANTS)[number] | undefined
}

export interface ChaosReport {
  readonly seconds: number
  readonly kills: Readonly<Record<Target, number>>
  readonly orders: Readonly<Record<string, number>>
  readonly answers: Readonly<Record<string, number>>
  readonly violations: readonly string[]
}

export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosReport> {
  const startedAt = performance.now()
  const folder = await makeTemporaryFolder()
  const dataDir = path.join(folder, 'data')
  const apiKey = `chaos-${options.seed}`
  const environment = {
    BOOTSTRAP_API_KEY: apiKey,
    BOOTSTRAP_CREDITS: '1000',
    HOST: '127.0.0.1',
    LOG_FORMAT: 'json',
    MODEL: 'preview',
    PRICE_PER_1000_CHARACTERS: String(PRICE_PER_1000_CHARACTERS),
    RATE_LIMIT_RPM: '0',
    REFERENCE_ALLOW_HTTP: 'true',
    REFERENCE_ALLOW_PRIVATE: 'true',
    ...(options.mutant ? { CHAOS_MUTANT: options.mutant } : {}),
  }
  const preload = options.mutant && pathToFileURL(path.join(import.meta.dirname, 'mutants/register.js')).href
  await using victims = await createVictims({
    dataDir,
    environment,
    logFile: path.join(folder, 'server.log'),
    ...(preload ? { preload } : {}),
  })
  const random = seededRandom(options.seed)
  victims.start()
  await victims.waitUntilReady()
  const recording = await encodeAudio(speechLike(6, 16_000), 16_000, 'wav')
  await using references = await prepareReferences(victims.baseUrl, apiKey, recording)
  const { baseUrl } = victims
  using customers = startCustomers({ baseUrl, apiKey, references, count: options.customers, random })

  const kills = await killOverAndOver(victims, customers, options.kills, random, say)
  await victims.waitUntilReady()
  const violations: string[] = []
  {
    await using database = await joinDatabase(dataDir)
    if (options.hurry) await endLeases(database.db)
    await customers.finish()
    await customers.replayAll()
    violations.push(...customers.complaints, ...(await auditAtRest(victims, customers, database.db, dataDir)))
  }
  for (const { command } of await victims.leftovers()) violations.push(`still runs: ${command}`)
  if (violations.length === 0) await rm(folder, { recursive: true })
  else say(`everything is kept in ${folder}`)
  return {
    seconds: Math.round((performance.now() - startedAt) / 1000),
    kills,
    orders: countBy(customers.orders.map(({ outcome }) => outcome)),
    answers: Object.fromEntries([...customers.tally].sort()),
    violations,
  }
}

async function killOverAndOver(
  victims: Victims,
  customers: Customers,
  count: number,
  random: () => number,
  say: (line: string) => void,
): Promise<ChaosReport['kills']> {
  const kills = { engine: 0, server: 0, postgres: 0, machine: 0 }
  for (let done = 0; done < count; ) {
    await untilMoreIsServed(customers)
    await sleep(random() * 1000)
    const target = TARGETS[Math.floor(random() * TARGETS.length)] ?? 'server'
    if (await victims.kill(target)) {
      kills[target] += 1
      done += 1
      const answers = JSON.stringify(Object.fromEntries(customers.tally))
      if (done % 25 === 0) say(`${done} kills, ${customers.orders.length} orders, ${answers}`)
    }
    if (target === 'engine' || target === 'postgres') continue
    await sleep(random() * 300)
    // Now and then the next kill meets a server that is still starting.
    victims.start()
    if (random() < 0.2) await sleep(random() * 2000)
    else await victims.waitUntilReady()
  }
  return kills
}

/** A kill in an idle moment proves nothing. */
async function untilMoreIsServed({ tally }: Customers): Promise<void> {
  const servedBefore = tally.get('200')
  const until = performance.now() + SERVED_TIMEOUT_MS
  while (tally.get('200') === servedBefore && performance.now() < until) await sleep(20)
}

/** Waits until no job is open, stops the server as an operator would, and goes through the books and the files. */
async function auditAtRest(victims: Victims, customers: Customers, db: Database, dataDir: string): Promise<string[]> {
  const violations: string[] = []
  for (const { id } of await waitUntilAtRest(db)) violations.push(`job ${id} is still open`)
  const exitCode = await victims.stop()
  if (exitCode !== 0) violations.push(`the server ended with ${exitCode} when it was asked to stop`)
  violations.push(...victims.crashes)
  for (const { command } of victims.orphans) violations.push(`outlived its killed server: ${command}`)
  violations.push(...(await auditMoney(db, createFileBlobs(path.join(dataDir, 'blobs')))))
  violations.push(...(await auditReceipts(db, customers.orders, PRICE_PER_1000_CHARACTERS)))
  return violations
}

/** A second user of the server's own database. */
async function joinDatabase(dataDir: string) {
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  const db = openDatabase(postgres.connection, { poolSize: 2 })
  const close = async () => {
    await db.destroy()
    await postgres.stop()
  }
  return { db, [Symbol.asyncDispose]: close }
}

/** A living server loses its leases as well: it must notice, and its customers ask again. */
async function endLeases(db: Database): Promise<void> {
  await db.updateTable('jobs').set({ lease_until: new Date() }).where('state', '=', 'running').execute()
}

/** Returns the jobs that are open all the same when the time is over. */
async function waitUntilAtRest(db: Database): Promise<readonly { id: string }[]> {
  const until = performance.now() + AT_REST_TIMEOUT_MS
  for (;;) {
    const open = await db.selectFrom('jobs').select('id').where('state', 'in', ['queued', 'running']).execute()
    if (open.length === 0 || performance.now() > until) return open
    await sleep(500)
  }
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      customers: { type: 'string', default: '6' },
      mutant: { type: 'string' },
    },
  })
  const mutant = MUTANTS.find((name) => name === values.mutant)
  if (values.mutant && !mutant) throw new Error(`--mutant is one of ${MUTANTS.join(', ')}.`)
  const numbers = { kills: Number(values.kills), seed: Number(values.seed), customers: Number(values.customers) }
  const report = await runChaos({ ...numbers, mutant }, console.error)
  for (const violation of report.violations) console.log(`VIOLATION ${violation}`)
  console.log(JSON.stringify(report))
  process.exitCode = report.violations.length > 0 ? 1 : 0
}
