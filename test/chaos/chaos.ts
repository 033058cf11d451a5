// Kills a running service process by process, over and over, while customers insist on being served, and audits what is left:
// `npm run chaos -- --kills 300 [--seed 1] [--customers 6] [--engine cheap|preview] [--database embedded|postgres://…|/usr/lib/postgresql/15/bin]
// [--at-most 900] [--mutant NAME]`; `--at-most` are seconds, after which no more is killed; the mutants are in planted/plants.ts.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { seededRandom, speechLike } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { auditAtRest } from './audit.ts'
import { type Customers, startCustomers } from './customers.ts'
import { openVictimDatabase, type VictimDatabase } from './databases.ts'
import { choosePlants, MUTANTS, type Mutant } from './planted/plants.ts'
import { type Platform, startPlatform } from './platform.ts'
import { startReceiver } from './receiver.ts'
import { prepareReferences } from './references.ts'

const TARGETS = ['gateway', 'gateway', 'worker', 'worker', 'engine', 'engine', 'database'] as const
/** Now and then everything at once, as when the power fails, but for what the disk had not written yet. */
const MACHINE_CHANCE = 0.03
export type Target = (typeof TARGETS)[number] | 'machine'

const SHORTEST_PAUSE_MS = 150
const LONGEST_PAUSE_MS = 600
const SERVICE_TIMEOUT_MS = 60_000
const PRICE_PER_1000_CHARACTERS = 0.05

export interface ChaosOptions {
  readonly kills: number
  /** Fewer kills when the time is over: for a machine that has other things to do. */
  readonly atMostSeconds?: number
  /** Fixes the choices, not the moments. */
  readonly seed: number
  readonly customers: number
  /** As openVictimDatabase has it. */
  readonly database: string
  /** `cheap`: tones, and death by poison; `preview`: the one that is built in. */
  readonly engine: 'cheap' | 'preview'
  /** After the last kill, all leases and waits are over at once. */
  readonly hurry?: boolean
  /** A fault put into the service on purpose: then the audit must find something. */
  readonly mutant?: Mutant | undefined
}

export interface ChaosReport {
  readonly seconds: number
  readonly database: string
  readonly kills: Readonly<Record<Target, number>>
  readonly orders: Readonly<Record<string, number>>
  readonly answers: Readonly<Record<string, number>>
  /** Of the database and the files, when all was over. */
  readonly books: Readonly<Record<string, number>>
  readonly violations: readonly string[]
}

export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosReport> {
  const startedAt = performance.now()
  const random = seededRandom(options.seed)
  const folder = await makeTemporaryFolder()
  const apiKey = `chaos-${options.seed}`
  await using database = await openVictimDatabase(options.database, folder)
  await using receiver = await startReceiver(random)
  const withPoison = options.engine === 'cheap'
  await using platform = await startPlatform({
    folder,
    database,
    gateways: 2,
    workers: 2,
    plants: choosePlants({ cheapEngine: withPoison, mutant: options.mutant }),
    environment: {
      BOOTSTRAP_API_KEY: apiKey,
      BOOTSTRAP_CREDITS: '1000',
      MODEL: 'preview',
      PRICE_PER_1000_CHARACTERS: String(PRICE_PER_1000_CHARACTERS),
      RATE_LIMIT_RPM: '0',
      REFERENCE_ALLOW_HTTP: 'true',
      REFERENCE_ALLOW_PRIVATE: 'true',
      REQUEST_TIMEOUT_SECONDS: '25', // so that some are answered before they are done
      WEBHOOK_ALLOW_HTTP: 'true',
      WEBHOOK_ALLOW_PRIVATE: 'true',
    },
  })
  await platform.waitUntilReady()
  const gatewayUrl = () => platform.gateways[Math.floor(random() * platform.gateways.length)]?.url ?? ''
  const recording = await encodeAudio(speechLike(6, 16_000), 16_000, 'wav')
  await using references = await prepareReferences(gatewayUrl(), apiKey, recording)
  const shop = { gatewayUrl, apiKey, references, webhookUrl: receiver.url }
  using customers = startCustomers({ ...shop, count: options.customers, random, withPoison })

  const kills = await killOverAndOver(platform, database, customers, options, random, say)
  await platform.waitUntilReady()
  receiver.behave()
  const { violations, books } = await auditAtRest({
    platform,
    database,
    customers,
    receiver,
    blobs: createFileBlobs(path.join(platform.dataDir, 'blobs')),
    pricePer1000: PRICE_PER_1000_CHARACTERS,
    hurry: options.hurry ?? false,
    say,
  })
  if (violations.length === 0) await rm(folder, { recursive: true, force: true })
  else say(`everything is kept in ${folder}`)
  return {
    seconds: Math.round((performance.now() - startedAt) / 1000),
    database: database.name,
    kills,
    orders: countBy(customers.orders.map(({ api, outcome }) => `${api} ${outcome}`)),
    answers: Object.fromEntries([...customers.tally].sort()),
    books,
    violations,
  }
}

async function killOverAndOver(
  platform: Platform,
  database: VictimDatabase,
  customers: Customers,
  { kills: count, atMostSeconds = Number.POSITIVE_INFINITY }: ChaosOptions,
  random: () => number,
  say: (line: string) => void,
): Promise<ChaosReport['kills']> {
  const kills = { gateway: 0, worker: 0, engine: 0, database: 0, machine: 0 }
  const { gateways, workers, members } = platform
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  const restart = async (killed: readonly { start(): void }[]) => {
    await sleep(random() * 300)
    for (const member of killed) member.start()
  }
  const strike = async (target: Target): Promise<boolean> => {
    if (target === 'engine') return pick(workers)?.killEngine() ?? false
    if (target === 'database') {
      const killed = await database.kill()
      await database.revive()
      return killed
    }
    if (target === 'machine') {
      const killed = await Promise.all([database.kill(), ...members.map((member) => member.kill())])
      await database.revive()
      await restart(members)
      return killed.includes(true)
    }
    // Mostly one that serves; now and then one that is starting.
    const all = target === 'gateway' ? gateways : workers
    const member = pick(random() < 0.15 ? all : all.filter(({ isReady }) => isReady))
    if (!(await member?.kill())) return false
    if (member) await restart([member])
    return true
  }

  const overAt = performance.now() + atMostSeconds * 1000
  for (let done = 0; done < count && performance.now() < overAt; ) {
    // Where nobody serves, a kill proves little; now and then it proves something about starting.
    const until = performance.now() + (random() < 0.1 ? 0 : SERVICE_TIMEOUT_MS)
    const isServed = () => [gateways, workers].every((all) => all.some(({ isReady }) => isReady))
    while (!isServed() && performance.now() < until) await sleep(20)
    await sleep(SHORTEST_PAUSE_MS + random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS))
    const target = random() < MACHINE_CHANCE ? 'machine' : (pick(TARGETS) ?? 'worker')
    if (!(await strike(target))) continue
    kills[target] += 1
    done += 1
    if (done % 25 === 0) say(`${done} kills, ${customers.orders.length} orders, ${customers.served} served`)
  }
  return kills
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      customers: { type: 'string', default: '6' },
      database: { type: 'string', default: 'embedded' },
      engine: { type: 'string', default: 'cheap' },
      mutant: { type: 'string' },
      'at-most': { type: 'string' },
      hurry: { type: 'boolean', default: false },
    },
  })
  const { database, engine, hurry, mutant } = values
  const names = Object.keys(MUTANTS)
  if (mutant !== undefined && !names.includes(mutant)) throw new Error(`--mutant is one of ${names.join(', ')}.`)
  if (engine !== 'cheap' && engine !== 'preview') throw new Error('--engine is cheap or preview.')
  const numbers = { kills: Number(values.kills), seed: Number(values.seed), customers: Number(values.customers) }
  const atMost = values['at-most'] === undefined ? {} : { atMostSeconds: Number(values['at-most']) }
  const report = await runChaos(
    { ...numbers, ...atMost, database, engine, hurry, mutant: mutant as Mutant | undefined },
    console.error,
  )
  for (const violation of report.violations) console.log(`VIOLATION ${violation}`)
  console.log(JSON.stringify(report))
  process.exitCode = report.violations.length > 0 ? 1 : 0
}
