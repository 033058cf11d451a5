// The whole HTTP application over a scratch database and folder: real speaker, queue, worker and money. Only the engine costs nothing, and
// a reference is read but not decoded, so that a table of a hundred requests takes a second.
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { findBalance } from '../../src/billing/accounts.ts'
import { readConfig, type SettingName } from '../../src/config.ts'
import type { Engine, Piece } from '../../src/engine/engine.ts'
import { invariant } from '../../src/errors.ts'
import { buildApp } from '../../src/http/app.ts'
import { forgetInput } from '../../src/jobs/sweep.ts'
import { startWorker, type Worker } from '../../src/jobs/worker.ts'
import { findWorkers } from '../../src/jobs/workers.ts'
import type { Log } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import type { Blobs } from '../../src/storage/blobs.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'

import { findSecret } from '../../src/storage/secrets.ts'

import { createTask } from '../../src/synthesis/perform-job.ts'
import { resolveReference } from '../../src/synthesis/reference-audio.ts'
import { createRequests } from '../../src/synthesis/requests.ts'
import { createSpeaker } from '../../src/synthesis/speak.ts'
import type { Speaker, SpeechRequest, Voices } from '../../src/synthesis/speech.ts'
import { storedReferences } from '../../src/synthesis/stored-references.ts'
import { createWebhookPoster } from '../../src/webhooks/attempt.ts'
import { makeAccount, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { startTestWorker, type TestWorker } from '../harness/test-worker.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

export const SAMPLE_RATE = 24_000
/** A reference that the form check lets through and that nobody fetches: the bytes are in it. */
export const REFERENCE = `data:audio/wav;base64,${Buffer.from('a recording').toString('base64')}`
export const VALID = { text: 'Hello.', reference_audio: REFERENCE }
export const SPEAK_URL = '/v1/chatterbox-turbo-tts'

type SettingTexts = Partial<Record<SettingName, string>>

export interface ScratchApp {
  readonly app: FastifyInstance
  readonly db: Database
  readonly blobs: Blobs
  readonly account: TestAccount
  readonly metrics: ReturnType<typeof createMetrics>
  readonly health: { draining: boolean; databaseIsUp: boolean }
  /** Replaced by tests that need the engine to fail, wait or watch. */
  readonly engine: { beforeChunk: (piece: Piece, chunk: number, signal: AbortSignal) => Promise<void> | void }
  /** What synthesis was asked for, in order. */
  readonly asked: SpeechRequest[]
  /** Another worker on the same database, of one place, with an engine of its own. */
  startWorker(engine: Engine): Worker
  balanceMicro(): Promise<number | undefined>
  heldMicro(): Promise<number | undefined>
  speak(body: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

/** Call at the top of a test file. Closes itself after the file's last test. */
export async function openScratchApp(settings: SettingTexts = {}, log: Log = quietLog): Promise<ScratchApp> {
  let worker: TestWorker | undefined
  after(() => worker?.[Symbol.asyncDispose]()) // before the database is dropped
  const database = await openTestDatabase()
  worker = startTestWorker(database, { slots: Number(settings.WORKER_SLOTS ?? 4) })
  workers.set(database.db, worker)
  return buildScratchApp(database.db, settings, log)
}

/** One per database: the applications on it have each their own engine. */
const workers = new WeakMap<Database, TestWorker>()

/** Another application on the same database, with settings of its own. */
export async function buildScratchApp(
  db: Database,
  settings: SettingTexts = {},
  log: Log = quietLog,
): Promise<ScratchApp> {
  const config = readConfig({}, { RATE_LIMIT_RPM: '0', PUBLIC_URL: 'https://tts.example', ...settings })
  const folder = await mkdtemp(path.join(os.tmpdir(), 'test-http-'))
  const blobs = createFileBlobs(folder)
  const metrics = createMetrics()
  const account = await makeAccount(db)
  let draining = new AbortController()
  const health = {
    databaseIsUp: true,
    get draining() {
      return draining.signal.aborted
    },
    set draining(wanted) {
      if (wanted) draining.abort()
      else draining = new AbortController()
    },
  }
  const hooks: ScratchApp['engine'] = { beforeChunk: () => {} }
  const engine = createToneEngine((...chunk) => hooks.beforeChunk(...chunk))
  const asked: SpeechRequest[] = []

  const fetcher = createFetcher({ allowHttp: false, allowPrivate: false, timeoutMs: 1000, maxBytes: 1_000_000 })
  const worker = workers.get(db)
  invariant(worker, 'a scratch application needs the database of openScratchApp()')
  const references = {
    fetcher,
    maxBytes: config.MAX_BODY_MB * 2 ** 20,
    ...storedReferences(db, blobs),
    defaultVoiceFile: config.DEFAULT_VOICE ? import.meta.filename : undefined,
  }
  const realSpeaker = createSpeaker({ config, db, blobs, signals: worker.signals, references, log })
  const voices: Voices = {
    find: async (reference, _, signal) => {
      await resolveReference(reference, references, signal)
      return engine.encodeVoice({ samples: new Float32Array(), sampleRate: SAMPLE_RATE, normLoudness: true }, signal)
    },
  }
  const provenanceSecret = await findSecret(db, 'provenance')
  worker.serve(
    account.accountId,
    createTask({ db, blobs, engine, isEngineWarm: () => true, voices, provenanceSecret, metrics, log }),
    (job) => forgetInput({ db, blobs, log }, job),
  )
  const speaker: Speaker = {
    speak: (request, ...rest) => {
      asked.push(request)
      return realSpeaker.speak(request, ...rest)
    },
    stream: (request, ...rest) => {
      asked.push(request)
      return realSpeaker.stream(request, ...rest)
    },
  }
  const poster = createWebhookPoster({ http: config.WEBHOOK_ALLOW_HTTP, private: config.WEBHOOK_ALLOW_PRIVATE })
  const app = buildApp({
    config,
    log,
    metrics,
    db,
    blobs,
    signals: worker.signals,
    speaker,
    references,
    requests: createRequests({ config, db, blobs, references, log }),
    webhookUrlProblem: (url) => poster.problemOf(url)?.message,
    wakeDeliverer: () => {},
    findModel: async () => 'preview',
    health: {
      get draining() {
        return draining.signal
      },
      findWorkers: async () => (health.databaseIsUp ? findWorkers(db) : undefined),
    },
  })
  await app.ready()
  after(async () => {
    await realSpeaker.drain(AbortSignal.abort())
    await app.close()
    await rm(folder, { recursive: true })
  })
  return {
    app,
    db,
    blobs,
    account,
    metrics,
    health,
    engine: hooks,
    asked,
    startWorker: (ownEngine) =>
      startWorker({
        db,
        signals: worker.signals,
        slots: 1,
        describe: { host: 'second', model: 'preview', version: '0' },
        task: createTask({
          db,
          blobs,
          engine: ownEngine,
          isEngineWarm: () => true,
          voices,
          provenanceSecret,
          metrics,
          log,
        }),
        log,
      }),
    balanceMicro: async () => (await findBalance(db, account.accountId))?.balanceMicro,
    heldMicro: async () => (await findBalance(db, account.accountId))?.heldMicro,
    speak: (body, headers = {}) =>
      app.inject({
        method: 'POST',
        url: SPEAK_URL,
        headers: { 'x-api-key': account.key, 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
  }
}

export interface HeldEngine extends Disposable {
  /** Pieces that were begun. */
  readonly begun: number
  /** Pieces that were told to stop. */
  readonly aborted: number
  /** Resolves when a piece waits. */
  readonly isHeld: Promise<void>
  /** From now on it speaks. */
  release(): void
}

/** Stops the engine before the first chunk of every piece, until it is released. Disposing gives the engine back as it was. */
export function holdEngine({ engine }: ScratchApp): HeldEngine {
  const before = engine.beforeChunk
  const released = withResolvers()
  const held = withResolvers()
  const counts = { begun: 0, aborted: 0 }
  engine.beforeChunk = async (_, chunk, signal) => {
    if (chunk > 0) return
    counts.begun++
    held.resolve()
    const aborted = withResolvers()
    signal.addEventListener('abort', aborted.resolve, { once: true })
    await Promise.race([released.promise, aborted.promise])
    if (signal.aborted) counts.aborted++
  }
  return {
    get begun() {
      return counts.begun
    },
    get aborted() {
      return counts.aborted
    },
    isHeld: held.promise,
    release: released.resolve,
    [Symbol.dispose]: () => {
      released.resolve()
      engine.beforeChunk = before
    },
  }
}

/** Promise.withResolvers() came with Node 22. */
export function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((whenResolved) => {
    resolve = whenResolved
  })
  return { promise, resolve }
}
