// A claimed job from its request to its charge: the worker's half of every paid request. Whatever kills it, the next attempt goes on
// with the pieces that are made, and nothing is paid that is not there.
import { setTimeout as sleep } from 'node:timers/promises'
import { mediaTypeOf } from '../audio/formats.ts'
import { creditsFromMicro } from '../billing/prices.ts'
import type { Engine, EngineInfo, Voice } from '../engine/engine.ts'
import { EngineResting } from '../engine/engine-handle.ts'
import { hasWords } from '../engine/text/pieces.ts'
import { writeVoice } from '../engine/voice-file.ts'
import { AppError, describeError, invariant } from '../errors.ts'
import type { ClaimedJob } from '../jobs/claim.ts'
import { completeJob, failJob } from '../jobs/finish.ts'
import type { JobOutput } from '../jobs/job.ts'
import { releaseJob } from '../jobs/lease.ts'
import { makeOutputBlobKey, makeVoiceBlobKey } from '../jobs/outputs.ts'
import type { JobLease } from '../jobs/worker.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { nothingSpoken } from './generate.ts'
import { type MadePieces, openMadePieces } from './made-pieces.ts'
import { nameVoice, tagsOf } from './provenance.ts'
import { readWarnings } from './reference-warnings.ts'
import { piecesOf, speakPieces } from './speak-pieces.ts'
import type { ReferenceSource, SpeechFacts, Voices } from './speech.ts'
import { readStoredRequest, type StoredRequest } from './stored-request.ts'
import { writeOutput } from './write-output.ts'

export interface PerformDeps {
  readonly db: Database
  readonly blobs: Blobs
  readonly engine: Engine
  /** False while there is no engine process that is ready to speak. */
  readonly isEngineWarm: () => boolean
  readonly voices: Voices
  /** Signs the mark that every file carries. */
  readonly provenanceSecret: Uint8Array
  readonly metrics: Metrics
  readonly log: Log
}

/** A crash may be the job's own doing: the first retry follows at once, the next ones give way to others. */
const RETRY_DELAYS_SECONDS = [0, 1, 5]
const LONGEST_DELAY_SECONDS = 15
const LONGEST_REST_SECONDS = 5
const SILENCE_SECONDS = 0.3

/** What a worker does with a job. Rejects with the signal's reason when it is told to stop; every other end is recorded with the job. */
export const createTask =
  (deps: PerformDeps) =>
  async (job: ClaimedJob, lease: JobLease, signal: AbortSignal): Promise<void> => {
    try {
      await performJob(deps, job, lease, signal)
    } catch (error) {
      signal.throwIfAborted()
      await recordFailure(deps, job, error, signal)
    }
  }

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1000

async function performJob(deps: PerformDeps, job: ClaimedJob, lease: JobLease, signal: AbortSignal): Promise<void> {
  const { blobs, engine, metrics } = deps
  const startedAt = performance.now()
  metrics.queueSeconds.observe({ mode: job.mode }, job.queuedSeconds)
  const coldStart = deps.isEngineWarm() ? 'none' : 'engine'
  const request = readStoredRequest(job.request)
  const reference = await findReference(blobs, job, request)
  const voice = await deps.voices.find(reference, request.normLoudness, signal)
  const referenceSeconds = secondsSince(startedAt)

  const info = await engine.info()
  const pieces = piecesOf(request, request.seed, voice)
  const mark = { model: info.model, voice: nameVoiceOf(request, voice), seed: request.seed }
  const tags = tagsOf(mark, deps.provenanceSecret)
  const keepsAll = job.mode === 'async' && job.retention === 'normal' && pieces.length > 1
  const isDerived = request.derivedFrom !== undefined
  const isWordless = !pieces.some(({ text }) => hasWords(text))
  if (isWordless && request.wordless !== 'silence') throw nothingSpoken() // before a stream pays for its first piece
  const made = await openMadePieces(deps, job, pieces, { info, tags, keepsAll, isDerived })
  const speak = isWordless ? keepSilent(info) : speakPieces
  if (!made || !(await speakMissing(deps, speak, made, lease, signal, job.stream))) return stopped(deps, job)

  const { pieceSeconds, guards, audioSeconds, engineSeconds } = sumUp(made, info)
  metrics.audioSeconds.inc(audioSeconds)
  if (!isDerived) metrics.realTimeFactor.observe(engineSeconds / audioSeconds)
  const { format, encoding } = request
  const blobKey = makeOutputBlobKey(job.id)
  const written = await writeOutput(blobs, blobKey, untilAborted(made.samples(), signal), {
    ...info,
    format,
    encoding,
    tags,
  })
  const timings = { queueSeconds: job.queuedSeconds, referenceSeconds, engineSeconds }
  const result: SpeechFacts = {
    model: info.model,
    seed: request.seed,
    sampleRate: encoding?.sampleRate ?? info.sampleRate,
    audioSeconds,
    pieceSeconds,
    guards,
    referenceWarnings: readWarnings(voice),
    timings: { ...timings, totalSeconds: job.queuedSeconds + secondsSince(startedAt) },
    coldStart,
  }
  const output = { blobKey, mediaType: mediaTypeOf(format, encoding), ...written, audioSeconds }
  await complete(deps, job, { output, result, keptVoice: keepsAll && !job.voiceBlobKey ? voice : undefined })
}

/** Speaks what is missing and keeps it. False: the job is not ours to go on with, or gives way to another. */
async function speakMissing(
  { engine, metrics }: PerformDeps,
  speak: typeof speakPieces,
  made: MadePieces,
  lease: JobLease,
  signal: AbortSignal,
  isHeard: boolean,
): Promise<boolean> {
  const last = made.missing.at(-1)?.index
  for await (const part of speak(made.missing, engine, signal, { isHeard })) {
    metrics.engineSeconds.inc(part.engineSeconds)
    if (!(await made.keep(part))) return false
    if (part.isLast && part.index !== last && lease.shouldYield()) return false
  }
  return true
}

/** In the place of `speakPieces`, for a text without words. */
const keepSilent = ({ sampleRate }: EngineInfo): typeof speakPieces =>
  async function* (pieces) {
    const samples = new Float32Array(Math.round(SILENCE_SECONDS * sampleRate))
    for (const { index } of pieces) yield { index, isLast: true, samples, guards: [], engineSeconds: 0 }
  }

/** What is known of the whole. Throws AppError `invalid_parameter` (text) when there is no sound in it. */
function sumUp(made: MadePieces, { sampleRate }: EngineInfo) {
  const pieces = made.list()
  const samples = pieces.reduce((total, piece) => total + piece.samples, 0)
  if (samples === 0) throw nothingSpoken()
  const guards = [...new Set(pieces.flatMap((piece) => piece.guards))]
  const engineSeconds = pieces.reduce((total, piece) => total + piece.engineSeconds, 0)
  const pieceSeconds = pieces.map((piece) => piece.samples / sampleRate)
  return { pieceSeconds, guards, audioSeconds: samples / sampleRate, engineSeconds }
}

interface Done {
  readonly output: JobOutput
  readonly result: SpeechFacts
  /** To be kept with the job. */
  readonly keptVoice: Voice | undefined
}

/** The job's end: its charge, and the output for everybody to see; or, where it was cancelled or is lost, neither. */
async function complete(deps: PerformDeps, job: ClaimedJob, { output, result, keptVoice }: Done): Promise<void> {
  const { db, blobs, metrics } = deps
  const { id, leaseToken, holdMicro } = job
  const voiceBlobKey = keptVoice && makeVoiceBlobKey(id)
  if (voiceBlobKey) await blobs.put(voiceBlobKey, writeVoice(keptVoice))
  const completed = await completeJob(db, { id, leaseToken, chargeMicro: holdMicro, output, voiceBlobKey, result })
  if (!completed) {
    for (const key of [output.blobKey, voiceBlobKey]) if (key) await blobs.delete(key)
    return stopped(deps, job)
  }
  metrics.creditsCharged.inc(creditsFromMicro(holdMicro))
  metrics.jobs.inc({ mode: job.mode, outcome: 'completed' })
}

/** A file of an hour takes a while to write: whoever is told to stop stops between two pieces. */
async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, void> {
  for await (const item of items) {
    signal.throwIfAborted()
    yield item
  }
  signal.throwIfAborted()
}

/** Callers know a stored voice by its id, and any other not at all. */
const nameVoiceOf = ({ reference }: StoredRequest, voice: Voice): string =>
  /^voice:([\w-]{1,80})$/.exec(reference ?? '')?.[1] ?? nameVoice(voice)

async function findReference(blobs: Blobs, job: ClaimedJob, { reference }: StoredRequest): Promise<ReferenceSource> {
  const kept = job.voiceBlobKey ?? job.inputBlobKey
  if (kept) {
    const bytes = await blobs.read(kept)
    invariant(bytes, `the recording of job ${job.id} is gone`)
    return { kind: 'bytes', bytes }
  }
  return reference === undefined ? { kind: 'default' } : { kind: 'string', value: reference, accountId: job.accountId }
}

/** The job goes back to the queue with the pieces it has, or to its end where it was cancelled; where the lease is lost, nothing happens. */
async function stopped({ db, metrics }: PerformDeps, { id, leaseToken, mode }: ClaimedJob): Promise<void> {
  const released = await releaseJob(db, { id, leaseToken, delaySeconds: 0, countAttempt: false })
  metrics.jobs.inc({ mode, outcome: released === 'queued' ? 'yielded' : released })
}

async function recordFailure(deps: PerformDeps, job: ClaimedJob, error: unknown, signal: AbortSignal): Promise<void> {
  const { db, log, metrics } = deps
  const { id, leaseToken, mode, attempt } = job
  if (error instanceof AppError && error.code === 'unavailable') {
    const isResting = error instanceof EngineResting
    const restSeconds = error.retryAfterSeconds ?? 1
    const delaySeconds = isResting ? restSeconds : (RETRY_DELAYS_SECONDS[attempt - 1] ?? LONGEST_DELAY_SECONDS)
    const released = await releaseJob(db, { id, leaseToken, delaySeconds, countAttempt: !isResting })
    log.warn({ id, attempt, released, error: describeError(error) }, 'a job could not be finished in this attempt')
    metrics.jobs.inc({ mode, outcome: released === 'queued' ? 'retried' : released })
    // A place that cannot speak takes no other job meanwhile: there may be a worker that can.
    if (isResting)
      await sleep(Math.min(restSeconds, LONGEST_REST_SECONDS) * 1000, undefined, { signal }).catch(() => {})
    return
  }
  const refusal = error instanceof AppError && error.code !== 'internal' ? error : undefined
  if (!refusal) log.error({ id, attempt, error: describeError(error) }, 'a job failed by our own fault')
  const { code, message, param } = refusal ?? new AppError('internal', 'Something went wrong on our side.')
  await failJob(db, { id, leaseToken, code, message, param })
  metrics.jobs.inc({ mode, outcome: 'failed' })
}
