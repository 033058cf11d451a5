// A claimed job from its request to its charge: the worker's half of every paid request. Whatever kills it, the next attempt goes on
// with the pieces that are made, and nothing is paid that is not there.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AudioTags } from '../audio/encode/tags.ts'
import { mediaTypeOf } from '../audio/formats.ts'
import { creditsFromMicro } from '../billing/prices.ts'
import type { Engine, EngineInfo, GuardFired, Piece, Voice } from '../engine/engine.ts'
import { EngineResting } from '../engine/engine-handle.ts'
import { AppError, describeError, invariant } from '../errors.ts'
import type { ClaimedJob } from '../jobs/claim.ts'
import { completeJob, failJob } from '../jobs/finish.ts'
import { releaseJob } from '../jobs/lease.ts'
import { makeOutputBlobKey } from '../jobs/outputs.ts'
import { commitPiece, makePieceBlobKey } from '../jobs/pieces.ts'
import { type JobLease, LEASE_SECONDS } from '../jobs/worker.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { joinPieces } from './generate.ts'
import { readPieceFile, writePieceFile } from './piece-file.ts'
import { nameVoice, tagsOf } from './provenance.ts'
import { readWarnings } from './reference-warnings.ts'
import { piecesOf, type SpokenPiece, speakPieces } from './speak-pieces.ts'
import type { ReferenceSource, SpeechFacts, Voices } from './speech.ts'
import { readStoredRequest, type StoredRequest } from './stored-request.ts'

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
  const { db, blobs, engine, metrics } = deps
  const { id, leaseToken } = job
  const startedAt = performance.now()
  metrics.queueSeconds.observe({ mode: job.mode }, job.queuedSeconds)
  const coldStart = deps.isEngineWarm() ? 'none' : 'engine'
  const request = readStoredRequest(job.request)
  const reference = await findReference(blobs, job, request)
  const voice = await deps.voices.find(reference, request.normLoudness, signal)
  const referenceSeconds = secondsSince(startedAt)

  const info = await engine.info()
  const pieces = piecesOf(request, request.seed, voice)
  const made = await readMadePieces(blobs, job, info)
  // Pieces of another engine, made before this worker had the job, are not joined with its own; nor can they be replaced.
  const keepsPieces = job.stream || made.length === job.pieces.length
  const tags = tagsOf(
    { model: info.model, voice: nameVoiceOf(request, voice), seed: request.seed },
    deps.provenanceSecret,
  )
  const spoken: Omit<SpokenPiece, 'index'>[] = [...made]
  for await (const piece of speakPieces(pieces.slice(made.length), engine, signal)) {
    spoken.push(piece)
    const isLast = piece.index === pieces.length - 1
    // The last piece of a file is kept by the file itself.
    if (!job.stream && (isLast || !keepsPieces)) continue
    if (!(await keepPiece(deps, job, piece, pieces, { ...info, tags }))) return stopped(deps, job)
    if (!isLast && lease.shouldYield()) return stopped(deps, job)
  }

  const { bytes, audioSeconds, guards, engineSeconds } = await joinPieces(spoken, info.sampleRate, request, tags)
  const newSeconds = spoken.slice(made.length).reduce((total, piece) => total + piece.engineSeconds, 0)
  metrics.engineSeconds.inc(newSeconds)
  metrics.audioSeconds.inc(audioSeconds)
  metrics.realTimeFactor.observe(engineSeconds / audioSeconds)
  signal.throwIfAborted()

  const blobKey = makeOutputBlobKey(id)
  await blobs.put(blobKey, bytes)
  const mediaType = mediaTypeOf(request.format, request.encoding)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const totalSeconds = job.queuedSeconds + secondsSince(startedAt)
  const result: SpeechFacts = {
    model: info.model,
    seed: request.seed,
    sampleRate: request.encoding?.sampleRate ?? info.sampleRate,
    audioSeconds,
    guards,
    referenceWarnings: readWarnings(voice),
    timings: { queueSeconds: job.queuedSeconds, referenceSeconds, engineSeconds, totalSeconds },
    coldStart,
  }
  const output = { blobKey, mediaType, bytes: bytes.length, sha256, audioSeconds }
  const completed = await completeJob(db, { id, leaseToken, chargeMicro: job.holdMicro, output, result })
  if (!completed) {
    await blobs.delete(blobKey)
    return stopped(deps, job)
  }
  metrics.creditsCharged.inc(creditsFromMicro(job.holdMicro))
  metrics.jobs.inc({ mode: job.mode, outcome: 'completed' })
}

/** Callers know a stored voice by its id, and any other not at all. */
const nameVoiceOf = ({ reference }: StoredRequest, voice: Voice): string =>
  /^voice:([\w-]{1,80})$/.exec(reference ?? '')?.[1] ?? nameVoice(voice)

async function findReference(blobs: Blobs, job: ClaimedJob, { reference }: StoredRequest): Promise<ReferenceSource> {
  if (job.inputBlobKey) {
    const bytes = await blobs.read(job.inputBlobKey)
    invariant(bytes, `the recording of job ${job.id} is gone`)
    return { kind: 'bytes', bytes }
  }
  return reference === undefined ? { kind: 'default' } : { kind: 'string', value: reference, accountId: job.accountId }
}

/** What earlier attempts have made and can be gone on with: all of it or nothing. */
async function readMadePieces(blobs: Blobs, job: ClaimedJob, info: EngineInfo): Promise<Omit<SpokenPiece, 'index'>[]> {
  const made: Omit<SpokenPiece, 'index'>[] = []
  for (const { index, blobKey, guards, engineSeconds } of job.pieces) {
    const bytes = await blobs.read(blobKey)
    invariant(bytes, `piece ${index} of job ${job.id} is gone`)
    const { model, version, samples } = readPieceFile(bytes)
    // Somebody has heard the pieces of a stream; those of a file, nobody has.
    if (!job.stream && (model !== info.model || version !== info.version)) return []
    made.push({ samples, guards: guards as GuardFired[], engineSeconds })
  }
  return made
}

/** False: the job is not ours to go on with. */
async function keepPiece(
  { db, blobs }: PerformDeps,
  job: ClaimedJob,
  { index, samples, guards, engineSeconds }: SpokenPiece,
  pieces: readonly Piece[],
  { model, version, sampleRate, tags }: EngineInfo & { readonly tags: AudioTags },
): Promise<boolean> {
  const blobKey = makePieceBlobKey(job.id, index)
  await blobs.put(blobKey, writePieceFile({ model, version, tags, samples }))
  const outcome = await commitPiece(db, {
    id: job.id,
    leaseToken: job.leaseToken,
    index,
    blobKey,
    samples: samples.length,
    sampleRate,
    guards,
    engineSeconds,
    chargeMicro: job.stream ? shareOf(job.holdMicro, pieces, index) : 0,
    leaseSeconds: LEASE_SECONDS,
  })
  if (outcome !== 'committed') await blobs.delete(blobKey)
  return outcome === 'committed'
}

/** Of the price of a text, what its piece costs: by its characters. The shares of all pieces are the price, to the last micro-dollar. */
function shareOf(priceMicro: number, pieces: readonly Piece[], index: number): number {
  const lengths = pieces.map(({ text }) => text.length)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const upTo = (end: number) => {
    const length = lengths.slice(0, end).reduce((sum, each) => sum + each, 0)
    return Math.floor((priceMicro * length) / total)
  }
  return upTo(index + 1) - upTo(index)
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
