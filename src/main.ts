// The composition root: settings → database → engine → rooms → HTTP, and the order in which all of it is closed again.
import { setMaxListeners } from 'node:events'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bootstrapAccount } from './billing/bootstrap.ts'
import { microFromCredits } from './billing/prices.ts'
import { type Config, version } from './config.ts'
import { chooseEngine } from './engine/choose-engine.ts'
import type { Engine, ModelName } from './engine/engine.ts'
import type { EngineHandle } from './engine/engine-handle.ts'
import { buildApp } from './http/app.ts'
import { describeEnded } from './http/describe-ended.ts'
import { configuredPublicUrl } from './http/public-url.ts'
import type { Health } from './http/services.ts'
import { buildWorkerApp } from './http/worker-app.ts'
import { findQueueState } from './jobs/queue-state.ts'
import { type JobSignals, openJobSignals } from './jobs/signals.ts'
import { forgetInput } from './jobs/sweep.ts'
import { startSweeper } from './jobs/sweeper.ts'
import { startWorker } from './jobs/worker.ts'
import { findWorkers, type SeenWorker } from './jobs/workers.ts'
import type { Log } from './log.ts'
import { createMetrics, type Metrics, watchQueue, watchWorker } from './metrics.ts'
import type { Blobs } from './storage/blobs.ts'
import { type DatabaseKind, startDatabase } from './storage/database.ts'
import { openBlobs } from './storage/open-blobs.ts'
import type { Database } from './storage/postgres.ts'
import { findSecret } from './storage/secrets.ts'
import { BUNDLED_VOICE_FILE } from './synthesis/built-in-voices.ts'
import {
  createEngine,
  createReferenceFetcher,
  createVoicesOf,
  engineWish,
  findDefaultVoice,
} from './synthesis/open-engine.ts'
import { createTask } from './synthesis/perform-job.ts'
import { createRequests } from './synthesis/requests.ts'
import { createSpeaker } from './synthesis/speak.ts'
import { storedReferences } from './synthesis/stored-references.ts'
import { createWebhookPoster } from './webhooks/attempt.ts'
import { type Deliverer, startDeliverer } from './webhooks/deliverer.ts'

export { BUNDLED_VOICE_FILE }

// One connection for each request that waits for its statement, and some for polls; the embedded server allows 60.
const DATABASE_POOL_SIZE = 16
const READY_CHECK_TIMEOUT_MS = 2000
const MODEL_KNOWN_FOR_MS = 10_000

export interface RunningServer extends AsyncDisposable {
  /** Where it listens, as a person on this machine would open it. */
  readonly url: string
  /** Of the worker in this process; undefined: there is none. */
  readonly model: ModelName | undefined
  readonly database: DatabaseKind
  /** The API key that this start has made; it cannot be had again. */
  readonly madeKey: string | undefined
}

export interface RunningWorker extends AsyncDisposable {
  /** Where it tells how it is; undefined: nowhere. */
  readonly url: string | undefined
  readonly model: ModelName
  readonly database: DatabaseKind
}

/** What a caller of these functions may put in the place of what they would start. */
export interface Parts {
  /** In place of the engine process, e.g. one that costs nothing, for measuring what is around it. */
  readonly engine?: Engine
}

/**
 * Starts a server – a gateway, and a worker beside it unless the setting WORKER is false – and listens. Disposing stops in order: no new
 * requests, those in flight are finished or released, the worker finishes or hands back what it has, engine, database.
 */
export async function startServer(config: Config, log: Log, parts: Parts = {}): Promise<RunningServer> {
  const closers = createClosers()
  try {
    const ground = await openGround(config, log, closers)
    const { db, kind, metrics } = ground
    const { madeKey } = await bootstrapAccount(db, {
      creditsMicro: microFromCredits(config.BOOTSTRAP_CREDITS),
      key: config.BOOTSTRAP_API_KEY,
    })
    const worker = config.WORKER ? await openWorker(ground, config, log, parts, closers) : undefined
    watchQueue(metrics, () => findQueueState(db))

    const references = {
      fetcher: createReferenceFetcher(config),
      maxBytes: config.MAX_BODY_MB * 2 ** 20,
      defaultVoiceFile: config.DEFAULT_VOICE ? BUNDLED_VOICE_FILE : undefined,
    }
    const speaker = createSpeaker({ ...ground, config, references, log })
    const requests = createRequests({ ...ground, config, references, log })
    const health = openHealth(db)
    const findModel = worker ? async () => worker.model : watchModel(db, config, log)
    let deliverer: Deliverer | undefined
    const poster = createWebhookPoster({ http: config.WEBHOOK_ALLOW_HTTP, private: config.WEBHOOK_ALLOW_PRIVATE })
    const app = buildApp({
      ...ground,
      config,
      log,
      speaker,
      requests,
      references: { ...references, ...storedReferences(db, ground.blobs) },
      health,
      findModel,
      webhookUrlProblem: (url) => poster.problemOf(url)?.message,
      wakeDeliverer: () => deliverer?.wake(),
    })
    closers.add(async (until) => {
      health.drain()
      await speaker.drain(until)
      await app.close()
    })
    const url = await listen(app, config.HOST, config.PORT)
    const publicBase = configuredPublicUrl(config) ?? url // nobody asks for a webhook: there is no Host to go by
    const describeRequest = (accountId: string, jobId: string) => describeEnded(db, accountId, jobId, publicBase)
    const ttlHours = config.RESULT_TTL_HOURS
    deliverer = closers.opened(startDeliverer({ db, poster, describeRequest, ttlHours, metrics, log }))
    return { url, model: worker?.model, database: kind, madeKey, [Symbol.asyncDispose]: () => closers.close(config) }
  } catch (error) {
    await closers.close(config)
    throw error
  }
}

/** Starts a worker alone: it speaks the jobs of every server on the same database and blob store. Disposing finishes or hands back. */
export async function startWorkerAlone(config: Config, log: Log, parts: Parts = {}): Promise<RunningWorker> {
  const closers = createClosers()
  try {
    const ground = await openGround(config, log, closers)
    const health = openHealth(ground.db)
    const app = config.WORKER_PORT === undefined ? undefined : buildWorkerApp({ ...ground, config, log, health })
    if (app) closers.add(() => app.close())
    const { model } = await openWorker(ground, config, log, parts, closers)
    closers.add(async () => health.drain())
    const url = app && (await listen(app, config.HOST, config.WORKER_PORT ?? 0))
    return { url, model, database: ground.kind, [Symbol.asyncDispose]: () => closers.close(config) }
  } catch (error) {
    await closers.close(config)
    throw error
  }
}

type Closer = (until: AbortSignal) => PromiseLike<unknown>

/** What is opened is closed in the opposite order; all of it together has the time to stop that is set. */
function createClosers() {
  const closers: Closer[] = []
  return {
    add(closer: Closer): void {
      closers.push(closer)
    },
    opened<T extends AsyncDisposable>(resource: T): T {
      closers.push(() => resource[Symbol.asyncDispose]())
      return resource
    },
    async close({ SHUTDOWN_TIMEOUT_SECONDS }: Config): Promise<void> {
      const until = AbortSignal.timeout(SHUTDOWN_TIMEOUT_SECONDS * 1000)
      for (let closer = closers.pop(); closer; closer = closers.pop()) await closer(until)
    },
  }
}
type Closers = ReturnType<typeof createClosers>

/** What every role stands on; two processes that share it need nothing else of each other. */
interface Ground {
  readonly metrics: Metrics
  readonly db: Database
  readonly kind: DatabaseKind
  readonly blobs: Blobs
  readonly signals: JobSignals
}

async function openGround(config: Config, log: Log, { opened }: Closers): Promise<Ground> {
  const dataDir = path.resolve(config.DATA_DIR)
  const place = { databaseUrl: config.DATABASE_URL, dataDir }
  const { db, kind, connection } = opened(await startDatabase(place, log, { poolSize: DATABASE_POOL_SIZE }))
  const listenUrl = config.DATABASE_LISTEN_URL
  const signals = opened(openJobSignals({ db, connection: listenUrl ? { url: listenUrl } : connection, log }))
  const blobs = opened(await openBlobs({ ...config, DATA_DIR: dataDir }))
  opened(startSweeper(db, blobs, log))
  return { metrics: createMetrics(), db, kind, blobs, signals }
}

async function openWorker(
  ground: Ground,
  config: Config,
  log: Log,
  parts: Parts,
  closers: Closers,
): Promise<{ readonly model: ModelName }> {
  const { db, blobs, signals, metrics } = ground
  const provenanceSecret = await findSecret(db, 'provenance')
  const start = await chooseEngine(engineWish(config))
  const { engine, isEngineWarm } = parts.engine
    ? { engine: parts.engine, isEngineWarm: () => true }
    : ownEngine(createEngine(start, config, log, metrics))
  closers.opened(engine)
  const model = parts.engine ? (await parts.engine.info()).model : start.model
  // Whether a request may do without a reference, its gateway has decided.
  const defaultVoiceFile = parts.engine ? BUNDLED_VOICE_FILE : await findDefaultVoice(start)
  const voices = createVoicesOf({ config, log, metrics, engine, defaultVoiceFile }, storedReferences(db, blobs))
  const worker = startWorker({
    db,
    signals,
    slots: config.WORKER_SLOTS,
    describe: { host: os.hostname(), model, version },
    task: createTask({ db, blobs, engine, isEngineWarm, voices, provenanceSecret, metrics, log }),
    afterRun: (job) => forgetInput({ db, blobs, log }, job),
    log,
  })
  closers.add((until) => worker.drain(until))
  watchWorker(metrics, worker)
  return { model }
}

const ownEngine = (engine: EngineHandle) => ({ engine, isEngineWarm: () => engine.isWarm })

/** The model that speaks elsewhere, as the workers say; while there is none, the one that would speak here. */
function watchModel(db: Database, config: Config, log: Log): () => Promise<ModelName> {
  let known: ModelName = 'preview'
  let knownUntil = 0
  return async () => {
    if (performance.now() < knownUntil) return known
    try {
      const [worker] = await findWorkers(db)
      known = (worker?.model as ModelName | undefined) ?? (await wishedModel(config))
      knownUntil = performance.now() + MODEL_KNOWN_FOR_MS
    } catch (err) {
      log.warn({ err }, 'the workers could not be asked for their model')
    }
    return known
  }
}

/** A gateway needs no model of its own, so that a model that is wished for and not installed here is no error. */
async function wishedModel(config: Config): Promise<ModelName> {
  if (config.MODEL !== 'auto') return config.MODEL
  return (await chooseEngine(engineWish(config))).model
}

async function listen(app: ReturnType<typeof buildApp>, host: string, port: number): Promise<string> {
  await app.listen({ host, port })
  return urlOf(app.server.address() as AddressInfo)
}

function openHealth(db: Database): Health & { drain(): void } {
  const draining = new AbortController()
  setMaxListeners(0, draining.signal) // each poll that waits listens
  return {
    draining: draining.signal,
    drain: () => draining.abort(),
    findWorkers: () => findLivingWorkers(db),
  }
}

/** Never rejects; undefined: the database does not answer in time. */
const findLivingWorkers = (db: Database): Promise<readonly SeenWorker[] | undefined> =>
  Promise.race([findWorkers(db).catch(() => undefined), delay(READY_CHECK_TIMEOUT_MS, undefined, { ref: false })])

function urlOf({ address, port }: AddressInfo): string {
  const host =
    address === '::' || address === '0.0.0.0' ? 'localhost' : address.includes(':') ? `[${address}]` : address
  return `http://${host}:${port}`
}
