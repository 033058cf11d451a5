// The composition root: settings → database → engine → rooms → HTTP, and the order in which all of it is closed again.
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { bootstrapAccount } from './billing/bootstrap.ts'
import { microFromCredits } from './billing/prices.ts'
import { type Config, modelDirOf, packageRoot, userCacheDir } from './config.ts'
import { DEFAULT_VOICE_FILE, openBundle } from './engine/bundle.ts'
import { chooseEngine, type EngineWish } from './engine/choose-engine.ts'
import type { Engine, ModelName } from './engine/engine.ts'
import { createEngineHandle } from './engine/engine-handle.ts'
import type { EngineStart } from './engine/engine-messages.ts'
import { buildApp } from './http/app.ts'
import { describeEnded } from './http/describe-ended.ts'
import { findQueueState } from './jobs/queue-state.ts'
import { startSweeper } from './jobs/sweeper.ts'
import type { Log } from './log.ts'
import { createMetrics, type Metrics, watchPermits, watchQueue } from './metrics.ts'
import { createFetcher } from './outbound/guarded-fetch.ts'
import type { Blobs } from './storage/blobs.ts'
import { type DatabaseKind, startDatabase } from './storage/database.ts'
import { openBlobs } from './storage/open-blobs.ts'
import type { Database } from './storage/postgres.ts'
import { findUpload } from './storage/uploads.ts'
import { createPermits } from './synthesis/permits.ts'
import { createSpeaker } from './synthesis/speak.ts'
import type { Voices } from './synthesis/speech.ts'
import { createVoiceCache } from './synthesis/voice-cache.ts'
import { createVoices } from './synthesis/voices.ts'
import { createWebhookPoster } from './webhooks/attempt.ts'
import { type Deliverer, startDeliverer } from './webhooks/deliverer.ts'

// One connection for each request that waits for its statement, and some for polls; the embedded server allows 60.
const DATABASE_POOL_SIZE = 16
const READY_CHECK_TIMEOUT_MS = 2000
export const BUNDLED_VOICE_FILE = path.join(packageRoot, 'assets/reference.wav')

export interface RunningServer extends AsyncDisposable {
  /** Where it listens, as a person on this machine would open it. */
  readonly url: string
  readonly model: ModelName
  readonly database: DatabaseKind
  /** The API key that this start has made; it cannot be had again. */
  readonly madeKey: string | undefined
}

/**
 * Starts everything and listens. Disposing stops in order: no new requests, requests in flight finish or are released, engine, database.
 * `engine` replaces the engine process, e.g. by one that costs nothing, for measuring what is around it.
 */
export async function startServer(
  config: Config,
  log: Log,
  parts: { readonly engine?: Engine } = {},
): Promise<RunningServer> {
  const closers: (() => PromiseLike<void>)[] = []
  const opened = <T extends AsyncDisposable>(resource: T): T => {
    closers.push(() => resource[Symbol.asyncDispose]())
    return resource
  }
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) await closer()
  }
  try {
    const metrics = createMetrics()
    const dataDir = path.resolve(config.DATA_DIR)
    const place = { databaseUrl: config.DATABASE_URL, dataDir }
    const { db, kind } = opened(await startDatabase(place, log, { poolSize: DATABASE_POOL_SIZE }))
    const { madeKey } = await bootstrapAccount(db, {
      creditsMicro: microFromCredits(config.BOOTSTRAP_CREDITS),
      key: config.BOOTSTRAP_API_KEY,
    })
    const blobs = opened(await openBlobs({ ...config, DATA_DIR: dataDir }))
    opened(startSweeper(db, blobs, log))

    const start = await chooseEngine(engineWish(config))
    const engine = opened(parts.engine ?? createEngine(start, config, log, metrics))
    const model = parts.engine ? (await parts.engine.info()).model : start.model
    const defaultVoiceFile = parts.engine ? BUNDLED_VOICE_FILE : await findDefaultVoice(start)
    const voices = createVoicesOf({ config, log, metrics, engine, defaultVoiceFile }, async (token) => {
      const upload = await findUpload(db, token)
      return upload && (await blobs.read(upload.blobKey))
    })
    const permits = createPermits({ running: config.MAX_CONCURRENT_REQUESTS, waiting: config.MAX_QUEUED_REQUESTS })
    watchPermits(metrics, permits)
    watchQueue(metrics, () => findQueueState(db))
    const speaker = createSpeaker({ config, db, blobs, engine, permits, voices, metrics, log })

    const health = { draining: false, databaseAnswers: () => databaseAnswers(db) }
    let deliverer: Deliverer | undefined
    const poster = createWebhookPoster({ http: config.WEBHOOK_ALLOW_HTTP, private: config.WEBHOOK_ALLOW_PRIVATE })
    const app = buildApp({
      config,
      log,
      metrics,
      db,
      blobs,
      speaker,
      health,
      model,
      webhookUrlProblem: (url) => poster.problemOf(url)?.message,
      wakeDeliverer: () => deliverer?.wake(),
    })
    closers.push(async () => {
      health.draining = true
      await speaker.drain(AbortSignal.timeout(config.SHUTDOWN_TIMEOUT_SECONDS * 1000))
      await app.close()
    })
    await app.listen({ host: config.HOST, port: config.PORT })
    const url = urlOf(app.server.address() as AddressInfo)
    const publicBase = config.PUBLIC_URL?.replace(/\/+$/, '') ?? url // nobody asks for a webhook: there is no Host to go by
    const describeRequest = (accountId: string, jobId: string) => describeEnded(db, accountId, jobId, publicBase)
    const ttlHours = config.RESULT_TTL_HOURS
    deliverer = opened(startDeliverer({ db, poster, describeRequest, ttlHours, metrics, log }))
    return { url, model, database: kind, madeKey, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Never rejects. */
const databaseAnswers = (db: Database): Promise<boolean> =>
  Promise.race([
    sql`select 1`.execute(db).then(
      () => true,
      () => false,
    ),
    delay(READY_CHECK_TIMEOUT_MS, false, { ref: false }),
  ])

/** What `speak` on the command line needs of the above: no database, no accounts. */
export async function openLocalVoices(
  config: Config,
  log: Log,
): Promise<AsyncDisposable & { readonly engine: Engine; readonly voices: Voices }> {
  const metrics = createMetrics()
  const start = await chooseEngine(engineWish(config))
  const defaultVoiceFile = await findDefaultVoice(start)
  const engine = createEngine(start, config, log, metrics)
  const ours = { ...config, DEFAULT_VOICE: true, DATA_DIR: userCacheDir }
  const voices = createVoicesOf({ config: ours, log, metrics, engine, defaultVoiceFile }, async () => undefined)
  return { engine, voices, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}

const engineWish = (config: Config): EngineWish => ({
  model: config.MODEL,
  modelDir: modelDirOf(config),
  threads: config.ENGINE_THREADS,
})

const createEngine = (start: EngineStart, config: Config, log: Log, metrics: Metrics): Engine =>
  createEngineHandle({
    start,
    idleSeconds: config.ENGINE_IDLE_SECONDS,
    onStart: () => metrics.engineStarts.inc(),
    onCrash: () => metrics.engineCrashes.inc(),
    log,
  })

/** The voice that came with the model, or else the bundled recording. */
async function findDefaultVoice(start: EngineStart): Promise<string> {
  if (start.model === 'preview') return BUNDLED_VOICE_FILE
  const bundle = await openBundle(start.folder)
  const has = bundle.manifest.files.some(({ name }) => name === DEFAULT_VOICE_FILE)
  return has ? bundle.path(DEFAULT_VOICE_FILE) : BUNDLED_VOICE_FILE
}

interface VoiceParts {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly engine: Engine
  readonly defaultVoiceFile: string
}

function createVoicesOf(
  { config, log, metrics, engine, defaultVoiceFile }: VoiceParts,
  readUpload: (token: string) => ReturnType<Blobs['read']>,
): Voices {
  const folder = path.join(path.resolve(config.DATA_DIR), 'voices')
  const maxBytes = config.MAX_BODY_MB * 2 ** 20
  return createVoices({
    engine,
    maxReferenceSeconds: config.MAX_REFERENCE_SECONDS,
    cache: createVoiceCache({
      folder,
      memoryBytes: config.VOICE_CACHE_MB * 2 ** 20,
      diskBytes: config.VOICE_CACHE_DISK_MB * 2 ** 20,
      metrics,
      log,
    }),
    references: {
      fetcher: createFetcher({
        allowHttp: config.REFERENCE_ALLOW_HTTP,
        allowPrivate: config.REFERENCE_ALLOW_PRIVATE,
        timeoutMs: config.REFERENCE_FETCH_TIMEOUT_SECONDS * 1000,
        maxBytes,
      }),
      maxBytes,
      readUpload,
      defaultVoiceFile: config.DEFAULT_VOICE ? defaultVoiceFile : undefined,
    },
  })
}

function urlOf({ address, port }: AddressInfo): string {
  const host =
    address === '::' || address === '0.0.0.0' ? 'localhost' : address.includes(':') ? `[${address}]` : address
  return `http://${host}:${port}`
}
