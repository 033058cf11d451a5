// The pieces of a job as they are made, on whatever machine: woken by notifications, kept honest by looking again. Knows no HTTP.
import type { AudioTags } from '../audio/encode/tags.ts'
import type { ModelName } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import { findJob, type Job } from '../jobs/job.ts'
import { findPieces } from '../jobs/pieces.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { abortTogether } from './abort-together.ts'
import { readPieceFile } from './piece-file.ts'
import { hasEnded } from './wait-for-job.ts'

const LOOK_AGAIN_MS = 1000

export interface FollowedPiece {
  readonly index: number
  /** Mono at `sampleRate`; may be none. */
  readonly samples: Float32Array
  readonly sampleRate: number
  readonly model: ModelName
  readonly tags: AudioTags
  /** As it was when the piece was found. */
  readonly job: Job
}

export interface Following {
  readonly accountId: string
  readonly id: string
  /** The first piece wanted. */
  readonly fromIndex?: number
  /** The longest wait for the next piece, or for the end after the last. */
  readonly patienceMs: number
}

/**
 * Gives the pieces in order, each once, and at the end the job as it has ended; or as it is, when patience is over; undefined: there is none,
 * or it has expired. A piece is read when it is asked for, so that whoever takes them slowly holds one of them.
 * Throws the signal's reason when it is aborted, and AppError `unavailable` when database or blob store stay away.
 */
export async function* followJob(
  { db, blobs, signals }: { readonly db: Database; readonly blobs: Blobs; readonly signals: JobSignals },
  { accountId, id, fromIndex = 0, patienceMs }: Following,
  signal: AbortSignal,
): AsyncGenerator<FollowedPiece, Job | undefined, void> {
  let next = fromIndex
  let untilMs = performance.now() + patienceMs
  for (;;) {
    signal.throwIfAborted()
    const leftMs = untilMs - performance.now()
    const decided = new AbortController()
    using listening = abortTogether(signal, decided.signal)
    // Listening comes before looking, the job before its pieces: what ends in between is not missed.
    const changed = signals.waitForChange(id, listening.signal, Math.max(0, Math.min(LOOK_AGAIN_MS, leftMs)))
    try {
      const job = await findJob(db, accountId, id)
      const pieces = job ? await findPieces(db, id, next) : []
      const before = next
      for (const { index, blobKey, sampleRate } of pieces) {
        if (!job || index !== next) break // the ones before are still being spoken
        const bytes = await blobs.read(blobKey)
        if (!bytes) throw new AppError('not_found', 'This output was made, sent and deleted.')
        const { samples, model, tags } = readPieceFile(bytes)
        yield { index, samples, sampleRate, model, tags, job }
        signal.throwIfAborted()
        next = index + 1
        untilMs = performance.now() + patienceMs
      }
      if (!job || hasEnded(job)) return job
      if (next > before) continue
      if (leftMs <= 0) return job
      await changed
    } finally {
      decided.abort()
    }
  }
}
