// A gateway and two workers on machines of their own, as far as the network goes, over one PostgreSQL and one S3. One worker is cut off in the
// middle of its work and comes back when others have done it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { openBlobs } from '../../src/storage/open-blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { S3_BUCKET, S3_CREDENTIALS, startS3 } from '../harness/s3-server.ts'
import { seededRandom, speechLike } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { auditAtRest } from './audit.ts'
import { startCustomers } from './customers.ts'
import { ownCluster } from './databases.ts'
import { openNetwork } from './networks.ts'
import { SLOWLY } from './orders.ts'
import { choosePlants } from './planted/plants.ts'
import { startPlatform } from './platform.ts'
import { startReceiver } from './receiver.ts'
import { prepareReferences } from './references.ts'

const PROGRAMS = '/usr/lib/postgresql'
const programs = existsSync(PROGRAMS) && readdirSync(PROGRAMS).map((version) => path.join(PROGRAMS, version, 'bin'))[0]
const network = await openNetwork(3)
const skip = typeof network === 'string' ? network : !programs && 'there is no PostgreSQL here (Debian: postgresql)'
after(async () => {
  if (typeof network !== 'string') await network[Symbol.asyncDispose]()
})
const PRICE_PER_1000_CHARACTERS = 0.05
const API_KEY = 'cut-off'
const TEXTS = [
  'A short one.',
  Array.from(
    { length: 8 },
    (_, n) => `Sentence ${n + 1}, which is spoken ${SLOWLY}, as long ones are wont to be in a test.`,
  ).join(' '),
]

/** Of several, all but one of which are dead, the one that says again that it is there. */
async function findLivingWorker(db: Database): Promise<string> {
  const look = () => db.selectFrom('workers').select(['id', 'seen_at']).execute()
  const before = new Map((await look()).map(({ id, seen_at }) => [id, seen_at.getTime()]))
  await sleep(1000) // what was on its way when the others were killed has arrived
  for (const { id, seen_at } of await look()) before.set(id, seen_at.getTime())
  for (let tries = 0; tries < 300; tries++) {
    await sleep(100)
    const seen = (await look()).find(({ id, seen_at }) => seen_at.getTime() !== before.get(id))
    if (seen) return seen.id
  }
  return assert.fail('no worker says that it is there')
}

/** Running jobs of the worker, some pieces of which are made. */
const findBegun = (db: Database, workerId: string) =>
  db
    .selectFrom('jobs')
    .select(['id', 'attempts'])
    .where('state', '=', 'running')
    .where('worker_id', '=', workerId)
    .where((where) => where.exists(where.selectFrom('job_pieces').select('index').whereRef('job_id', '=', 'jobs.id')))
    .execute()

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 900; tries++) {
    if (await look()) return
    await sleep(100)
  }
  assert.fail(`it never happened that ${what}`)
}

test('a worker that is cut off loses its jobs to another and charges nothing when it comes back', {
  skip,
}, async (t) => {
  assert.ok(programs && typeof network !== 'string')
  const [, cable] = network.machines
  assert.ok(cable)
  const { host } = network
  const random = seededRandom(1)
  const folder = await makeTemporaryFolder()
  t.after(() => rm(folder, { recursive: true, force: true }))
  await using database = await ownCluster(programs, path.join(folder, 'cluster'), host)
  await using s3 = await startS3(host)
  await using receiver = await startReceiver(random, host)
  receiver.behave()
  const store = { BLOB_URL: `s3://${S3_BUCKET}/speech`, BLOB_ENDPOINT: s3.endpoint }
  await using platform = await startPlatform({
    folder,
    database,
    gateways: 1,
    workers: 2,
    places: network.machines,
    plants: choosePlants({ cheapEngine: true }),
    environment: {
      ...store,
      ...S3_CREDENTIALS,
      BOOTSTRAP_API_KEY: API_KEY,
      BOOTSTRAP_CREDITS: '1000',
      MODEL: 'preview',
      PRICE_PER_1000_CHARACTERS: String(PRICE_PER_1000_CHARACTERS),
      RATE_LIMIT_RPM: '0',
      REFERENCE_ALLOW_HTTP: 'true',
      REFERENCE_ALLOW_PRIVATE: 'true',
      WEBHOOK_ALLOW_HTTP: 'true',
      WEBHOOK_ALLOW_PRIVATE: 'true',
    },
  })
  await platform.waitUntilReady()
  await platform.workers[1]?.kill()
  const baseUrl = platform.gateways[0]?.url ?? ''
  const recording = await encodeAudio(speechLike(6, 16_000), 16_000, 'wav')
  await using references = await prepareReferences(baseUrl, API_KEY, recording, host)
  const joined = await database.join()
  t.after(() => joined[Symbol.asyncDispose]())
  const { db } = joined
  const victim = await findLivingWorker(db)
  platform.workers[1]?.start()
  await platform.waitUntilReady()

  const shop = { gatewayUrl: () => baseUrl, apiKey: API_KEY, references, webhookUrl: receiver.url }
  using customers = startCustomers({ ...shop, count: 2, random, withPoison: false, texts: TEXTS })
  let had = await findBegun(db, victim)
  await until('it had two jobs with pieces that are made', async () => {
    had = await findBegun(db, victim)
    return had.length >= 2
  })
  await cable.cutOff()
  t.diagnostic(`cut off with ${had.length} begun jobs`)
  await until('its jobs were given to another', async () => (await findBegun(db, victim)).length === 0)
  await sleep(3000) // the other one is at work on them
  await cable.reconnect()
  const backAt = performance.now()
  const started = new Date()
  await until('it took jobs again', async () => {
    const taken = db.selectFrom('jobs').select('id').where('worker_id', '=', victim).where('started_at', '>', started)
    return (await taken.execute()).length > 0
  })
  t.diagnostic(`took jobs again ${Math.round((performance.now() - backAt) / 1000)} s after it was back`)
  Object.assign(process.env, S3_CREDENTIALS)
  const blobs = await openBlobs({ ...store, BLOB_REGION: undefined, DATA_DIR: folder })
  t.after(() => blobs[Symbol.asyncDispose]())
  const { violations, books } = await auditAtRest({
    platform,
    database,
    customers,
    receiver,
    blobs,
    pricePer1000: PRICE_PER_1000_CHARACTERS,
    hurry: false,
    say: (line) => t.diagnostic(line),
  })
  t.diagnostic(JSON.stringify(books))
  assert.deepEqual(violations, [])
  for (const { id, attempts } of had) {
    const query = db.selectFrom('jobs').select(['state', 'worker_id', 'attempts']).where('id', '=', id)
    const job = await query.executeTakeFirst() // gone, where nothing was to be kept of it
    const isOfTheDark = job?.worker_id === victim && job.attempts === attempts // once back, it may be given it again like anybody
    assert.ok(!isOfTheDark, `job ${id} was ${job?.state} by the worker that was cut off`)
  }
})
