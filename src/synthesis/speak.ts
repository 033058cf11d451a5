// A paid request from hold to charge: the only place where speech and money meet. Every request is a job, so that a crash at any
// moment leaves either nothing or a durable, charged output that can be fetched by its id.
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { AUDIO_FORMATS, FORMAT_FACTS } from '../audio/formats.ts'
import { findBalance } from '../billing/accounts.ts'
import { priceMicro } from '../billing/prices.ts'
import type { Config } from '../config.ts'
import type { Engine } from '../engine/engine.ts'
import { AppError, invariant } from '../errors.ts'
import { completeJob, failJob, renewLease } from '../jobs/finish.ts'
import type { CompletedJob } from '../jobs/job.ts'
import { makeOutputBlobKey } from '../jobs/outputs.ts'
import { startJob } from '../jobs/start.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { abortTogether } from './abort-together.ts'
import { generate } from './generate.ts'
import type { Permits } from './permits.ts'
import type { Caller, Speaker, Speech, SpeechFacts, SpeechRequest, Voices } from './speech.ts'

// A job whose lease runs out is failed by any process that sweeps; it is renewed three times within that time.
const LEASE_SECONDS = 15
const IDENTICAL_REQUEST_POLL_MS = 100

export interface SpeakerDeps {
  readonly config: Pick<Config, 'PRICE_PER_1000_CHARACTERS' | 'REQUEST_TIMEOUT_SECONDS' | 'RESULT_TTL_HOURS'>
  readonly db: Database
  readonly blobs: Blobs
  readonly engine: Engine
  readonly voices: Voices
  readonly permits: Permits
  readonly metrics: Metrics
  readonly log: Log
}

export interface DrainableSpeaker extends Speaker {
  /** Refuses new requests and waits for those in flight; what is left when `signal` fires is aborted and released. */
  drain(signal: AbortSignal): Promise<void>
}

export function createSpeaker(deps: SpeakerDeps): DrainableSpeaker {
  const inFlight = new Set<Promise<unknown>>()
  const shutdown = new AbortController()
  setMaxListeners(0, shutdown.signal) // each request in flight listens
  let draining = false

  return {
    async speak(request, caller, requestId, signal) {
      deps.voices.checkForm(request.reference)
      const deadline = performance.now() + deps.config.REQUEST_TIMEOUT_SECONDS * 1000
      for (;;) {
        if (draining) throw shuttingDown()
        const submitted = await submit(deps, request, caller, requestId)
        if (submitted.kind === 'finished') {
          invariant(submitted.job.state === 'completed', `a ${submitted.job.state} job keeps its idempotency key`)
          return replay(deps, submitted.job)
        }
        if (submitted.kind === 'running') {
          // The same idempotency key is being worked on, here or by another server: its outcome is ours.
          if (performance.now() > deadline) throw timedOut()
          await delay(IDENTICAL_REQUEST_POLL_MS, undefined, { signal })
          continue
        }
        const job = { id: requestId, leaseToken: submitted.leaseToken, holdMicro: priceOf(deps, request) }
        const run = runJob(deps, request, job, [signal, shutdown.signal])
        inFlight.add(run)
        run.catch(() => {}).finally(() => inFlight.delete(run))
        return await beforeDeadline(deps, run, requestId, deadline)
      }
    },
    async drain(signal) {
      draining = true
      const abort = () => shutdown.abort(shuttingDown())
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      await Promise.allSettled(inFlight)
    },
  }
}

const shuttingDown = () => new AppError('unavailable', 'Service temporarily unavailable', { retryAfterSeconds: 2 })
const timedOut = () => new AppError('timeout', 'Request timed out')

const priceOf = ({ config }: SpeakerDeps, request: SpeechRequest): number =>
  priceMicro(request.text, config.PRICE_PER_1000_CHARACTERS)

const submit = (deps: SpeakerDeps, request: SpeechRequest, caller: Caller, requestId: string) =>
  startJob(deps.db, {
    id: requestId,
    accountId: caller.accountId,
    apiKeyId: caller.apiKeyId,
    // Neither text nor reference: what was said is the caller's business, and nothing here needs it again.
    request: { characters: [...request.text].length, format: request.format },
    holdMicro: priceOf(deps, request),
    idempotency: request.idempotency,
    leaseSeconds: LEASE_SECONDS,
    ttlHours: deps.config.RESULT_TTL_HOURS,
  })

/** Throws `timeout` when `run` has not ended by the deadline; the run itself goes on, and its output can be fetched by its id. */
async function beforeDeadline<T>(deps: SpeakerDeps, run: Promise<T>, requestId: string, deadline: number): Promise<T> {
  const waiting = new AbortController()
  const late = delay(Math.max(0, deadline - performance.now()), undefined, { signal: waiting.signal }).then(() => {
    run.catch((error: unknown) => deps.log.warn({ requestId, err: error }, 'a request that had timed out failed'))
    throw timedOut()
  })
  try {
    return await Promise.race([run, late])
  } finally {
    waiting.abort()
    late.catch(() => {})
  }
}

interface StartedJob {
  readonly id: string
  readonly leaseToken: string
  readonly holdMicro: number
}

/** Runs a started job to its end: completed and charged, or failed and released. */
async function runJob(
  deps: SpeakerDeps,
  request: SpeechRequest,
  job: StartedJob,
  reasonsToStop: readonly AbortSignal[],
): Promise<Speech> {
  const lost = new AbortController()
  using stop = abortTogether(...reasonsToStop, lost.signal)
  const renewal = setInterval(
    async () => {
      // A renewal that cannot reach the database decides nothing: completing the job is fenced by the lease itself.
      const kept = await renewLease(deps.db, job.id, job.leaseToken, LEASE_SECONDS).catch(() => true)
      if (!kept) lost.abort(leaseLost())
    },
    (LEASE_SECONDS * 1000) / 3,
  )
  try {
    return await speakAndCharge(deps, request, job, stop.signal)
  } catch (error) {
    const { code, message, param } = describeFailure(error, stop.signal)
    await failJob(deps.db, { id: job.id, leaseToken: job.leaseToken, code, message, param }).catch((cause: unknown) => {
      deps.log.warn({ requestId: job.id, err: cause }, 'a failed job keeps its hold until its lease runs out')
    })
    throw error
  } finally {
    clearInterval(renewal)
  }
}

const leaseLost = () => new AppError('unavailable', 'Service temporarily unavailable', { retryAfterSeconds: 1 })

function describeFailure(error: unknown, signal: AbortSignal): AppError {
  if (error instanceof AppError) return error
  return signal.aborted
    ? new AppError('unavailable', 'The caller left before the speech was ready.')
    : new AppError('internal', 'Something went wrong on our side.')
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1000

async function speakAndCharge(
  deps: SpeakerDeps,
  request: SpeechRequest,
  job: StartedJob,
  signal: AbortSignal,
): Promise<Speech> {
  const { metrics } = deps
  const startedAt = performance.now()
  using _permit = await deps.permits.acquire(signal)
  const queueSeconds = secondsSince(startedAt)
  metrics.queueSeconds.observe(queueSeconds)

  const referenceStartedAt = performance.now()
  const voice = await deps.voices.find(request.reference, request.normLoudness, signal)
  const referenceSeconds = secondsSince(referenceStartedAt)

  const { bytes, facts, engineSeconds } = await generate(request, voice, deps.engine, () => {}, signal)
  metrics.engineSeconds.inc(engineSeconds)
  metrics.audioSeconds.inc(facts.audioSeconds)
  metrics.realTimeFactor.observe(engineSeconds / facts.audioSeconds)
  signal.throwIfAborted()

  const blobKey = makeOutputBlobKey(job.id)
  await deps.blobs.put(blobKey, bytes)
  const timings = { queueSeconds, referenceSeconds, engineSeconds, totalSeconds: secondsSince(startedAt) }
  const result: SpeechFacts = { ...facts, timings }
  const { mediaType } = FORMAT_FACTS[request.format]
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const completed = await completeJob(deps.db, {
    id: job.id,
    leaseToken: job.leaseToken,
    chargeMicro: job.holdMicro,
    output: { blobKey, mediaType, bytes: bytes.length, sha256, audioSeconds: facts.audioSeconds },
    result,
  })
  if (!completed) {
    await deps.blobs.delete(blobKey)
    throw leaseLost()
  }
  metrics.creditsCharged.inc(job.holdMicro / 1e6)
  return {
    ...result,
    ...completed,
    requestId: job.id,
    bytes,
    mediaType,
    format: request.format,
    costMicro: job.holdMicro,
    replayed: false,
  }
}

/** What an earlier request with the same idempotency key has made and paid for. */
async function replay(deps: SpeakerDeps, job: CompletedJob): Promise<Speech> {
  const { output } = job
  const bytes = await deps.blobs.read(output.blobKey)
  invariant(bytes, `the output of job ${job.id} is gone`)
  const format = AUDIO_FORMATS.find((name) => FORMAT_FACTS[name].mediaType === output.mediaType)
  invariant(format, `job ${job.id} has an output of type ${output.mediaType}`)
  const balance = await findBalance(deps.db, job.accountId)
  return {
    ...(job.result as SpeechFacts),
    requestId: job.id,
    bytes,
    mediaType: output.mediaType,
    format,
    costMicro: job.chargeMicro,
    remainingMicro: balance?.balanceMicro ?? 0,
    outputToken: output.token,
    expiresAt: job.expiresAt,
    replayed: true,
  }
}
