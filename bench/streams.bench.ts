// Many streams at once against a real server: chunks, events and WebSockets, all of them held open in the middle, then a third of the callers
// hang up, at random points. What was the server before, meanwhile and afterwards, and is the money right?
// `npm run bench:streams -- [--streams 200] [--rounds 3]`; the last line is the result as JSON. Ends with 1 if anything is wrong.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { createFileBlobs } from '../src/storage/file-blobs.ts'
import type { Database } from '../src/storage/postgres.ts'
import { makeAccount } from '../test/harness/accounts.ts'
import { joinDatabase } from '../test/harness/join-database.ts'
import { auditMoney } from '../test/harness/money-audit.ts'
import { seededRandom } from '../test/harness/signals.ts'
import { type HeldStream, openStreamBy, WAYS } from '../test/harness/stream-clients.ts'
import { makeTemporaryFolder } from '../test/harness/temporary-folder.ts'
import { piecesText } from '../test/http/streaming.ts'
import { describeMachine } from './machine.ts'
import type { Order, ServerReading } from './streams-server.ts'

const PIECES = 6
const LONGEST_WAIT_BEFORE_LEAVING_MS = 3000
const { values } = parseArgs({
  options: { streams: { type: 'string', default: '200' }, rounds: { type: 'string', default: '3' } },
})
const streamCount = Number(values.streams)
const random = seededRandom(200)
const folder = await makeTemporaryFolder()
const dataDir = path.join(folder, 'data')

try {
  const { rows, complaints } = await measure()
  console.table(rows)
  for (const complaint of complaints) console.log(`WRONG ${complaint}`)
  console.log(
    JSON.stringify({
      bench: 'streams',
      ...describeMachine(),
      loadAverage: os.loadavg()[0],
      ...values,
      rows,
      complaints,
    }),
  )
  if (complaints.length > 0) process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measure() {
  await using server = await startServer()
  await using joined = await joinDatabase(dataDir)
  const { db } = joined
  const accounts = await Promise.all(Array.from({ length: 8 }, () => makeAccount(db, 1e12)))
  const keys = accounts.map(({ key }) => key)
  const complaints: string[] = []
  const rows: object[] = []
  await runRound(server, keys, 8, db, complaints) // so that code, pools and caches are there
  for (let round = 0; round < Number(values.rounds); round++) {
    rows.push({ round, ...(await runRound(server, keys, streamCount, db, complaints)) })
  }
  complaints.push(...(await auditMoney(db, createFileBlobs(path.join(dataDir, 'blobs')))))
  return { rows, complaints }
}

type Server = Awaited<ReturnType<typeof startServer>>

async function runRound(server: Server, keys: readonly string[], count: number, db: Database, complaints: string[]) {
  const before = await server.read()
  await server.order('hold')
  const startedAt = performance.now()
  const open = (_: unknown, i: number) =>
    openStreamBy(WAYS[i % WAYS.length] ?? 'chunks', {
      port: server.port,
      key: keys[i % keys.length] ?? '',
      text: piecesText(PIECES),
    })
  const streams = await Promise.all(Array.from({ length: count }, open))
  const openSeconds = (performance.now() - startedAt) / 1000
  const atOnce = await countRunning(db)
  if (atOnce !== count) complaints.push(`${atOnce} of ${count} streams were open at once`)
  const held = await server.read()
  const { leaving, whole } = await leaveAndFinish(server, streams)
  streams.forEach((stream, i) => {
    if (!whole[i] && !leaving.has(stream))
      complaints.push(`${stream.way} ${stream.requestId} broke off: ${stream.lastWords()}`)
  })
  const heldMicro = await waitForRelease(db)
  if (heldMicro !== 0) complaints.push(`${heldMicro} micro-dollars stay held`)
  complaints.push(
    ...(await findWrongCharges(
      db,
      streams.filter((_, i) => whole[i]).map(({ requestId }) => requestId),
    )),
  )
  const after = await settled(server, before)
  if (after.sockets > before.sockets) complaints.push(`${after.sockets} sockets, ${before.sockets} before`)
  const sums = {
    streams: atOnce,
    left: leaving.size,
    whole: whole.filter(Boolean).length,
    openSeconds: Math.round(openSeconds * 10) / 10,
  }
  return { ...sums, ...prefixed('before', before), ...prefixed('held', held), ...prefixed('after', after) }
}

/** A third leaves: some of them in the middle of silence, the others while the rest is being made. */
async function leaveAndFinish(server: Server, streams: readonly HeldStream[]) {
  const leaving = new Set(streams.filter(() => random() < 1 / 3))
  const later: Promise<void>[] = []
  const now: HeldStream[] = []
  for (const stream of leaving) {
    if (random() < 1 / 3) now.push(stream)
    else later.push(sleep(random() * LONGEST_WAIT_BEFORE_LEAVING_MS).then(() => stream.hangUp()))
  }
  for (const stream of now) stream.hangUp()
  await server.order('release')
  const whole = await Promise.all(streams.map(({ isWhole }) => isWhole))
  await Promise.all(later)
  return { leaving, whole }
}

/** A completed stream has paid its whole price. */
async function findWrongCharges(db: Database, wholeIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string; state: string }>`
    select id, state from jobs where id = any (${wholeIds}::text[]) and (state <> 'completed' or charged_micro <> hold_micro)
  `.execute(db)
  return rows.map(({ id, state }) => `${id} was heard whole, is ${state} and has not paid its price`)
}

async function waitForRelease(db: Database): Promise<number> {
  for (let tries = 0; ; tries++) {
    const { rows } = await sql<{ micro: number }>`select sum(held_micro)::float8 as micro from accounts`.execute(db)
    const micro = rows[0]?.micro ?? 0
    if (micro === 0 || tries > 600) return micro
    await sleep(50)
  }
}

async function countRunning(db: Database): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*)::int as count from jobs where state = 'running'`.execute(db)
  return rows[0]?.count ?? 0
}

async function settled(server: Server, before: ServerReading): Promise<ServerReading> {
  for (let tries = 0; ; tries++) {
    const reading = await server.read()
    if (reading.sockets <= before.sockets || tries > 100) return reading
    await sleep(50)
  }
}

function prefixed(prefix: string, reading: ServerReading): Record<string, number> {
  return Object.fromEntries(Object.entries(reading).map(([name, value]) => [`${prefix} ${name}`, value]))
}

async function startServer() {
  const child = fork(fileURLToPath(new URL('./streams-server.js', import.meta.url)), {
    execArgv: ['--expose-gc'],
    env: {
      ...process.env,
      PORT: '0',
      DATA_DIR: dataDir,
      RATE_LIMIT_RPM: '0',
      WORKER_SLOTS: String(streamCount),
      MAX_QUEUED_REQUESTS: String(streamCount),
      MAX_WEBSOCKETS_PER_KEY: String(streamCount),
    },
  })
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  const order = async (what: Order): Promise<unknown> => {
    child.send(what)
    const [answer] = await once(child, 'message')
    return answer
  }
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit')
    child.send('stop' satisfies Order)
    await ended
  }
  return {
    port: Number(new URL(url).port),
    order,
    read: async () => (await order('read')) as ServerReading,
    [Symbol.asyncDispose]: stop,
  }
}
