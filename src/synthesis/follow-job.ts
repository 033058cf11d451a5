// The pieces of a job as they are made, part by part where they come in parts, on whatever machine: woken by notifications, kept honest by
// looking again. Knows no HTTP.
import type { AudioTags } from '../audio/encode/tags.ts'
import type { ModelName } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import { findJob, type Job } from '../jobs/job.ts'
import { findParts, type PartPlace, placeAfter } from '../jobs/pieces.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { abortTogether } from './abort-together.ts'
import { readPieceFile } from './piece-file.ts'
import { hasEnded } from './wait-for-job.ts'

const LOOK_AGAIN_MS = 1000

/** A piece, or the next part of one of low latency. */
export interface FollowedPart {
  /** Of the piece in its text. */
  readonly index: number
  /** There is nothing more of the piece. */
  readonly isLast: boolean
  /** Mono at `sampleRate`; may be none. */
  readonly samples: Float32Array
  readonly sampleRate: number
  readonly model: ModelName
  readonly tags: AudioTags
  /** As it was when the part was found. */
  readonly job: Job
}

export interface Following {
  readonly accountId: string
  readonly id: string
  /** The longest wait for the next sound, or for the end after the last. */
  readonly patienceMs: number
}

/**
 * Gives the parts in order, each once, and at the end the job as it has ended; or as it is, when patience is over; undefined: there is none,
 * or it has expired. A part is read when it is asked for, so that whoever takes them slowly holds one of them.
 * Throws the signal's reason when it is aborted, and AppError `unavailable` when database or blob store stay away.
 */
export async function* followJob(
  { db, blobs, signals }: { readonly db: Database; readonly blobs: Blobs; readonly signals: JobSignals },
  { accountId, id, patienceMs }: Following,
  signal: AbortSignal,
): AsyncGenerator<FollowedPart, Job | undefined, void> {
  let next: PartPlace = { index: 0, part: 0 }
  let untilMs = performance.now() + patienceMs
  for (;;) {
    signal.throwIfAborted()
    const leftMs = untilMs - performance.now()
    const decided = new AbortController()
    using listening = abortTogether(signal, decided.signal)
    // Listening comes before looking, the job before its parts: what ends in between is not missed.
    const changed = signals.waitForChange(id, listening.signal, Math.max(0, Math.min(LOOK_AGAIN_MS, leftMs)))
    try {
      const job = await findJob(db, accountId, id)
      const parts = job ? await findParts(db, id, next) : []
      const before = next
      for (const part of parts) {
        const { index, isLast, blobKey, sampleRate } = part
        if (!job || index !== next.index || part.part !== next.part) break // the ones before are still being spoken
        const bytes = await blobs.read(blobKey)
        if (!bytes) throw new AppError('not_found', 'This output was made, sent and deleted.')
        const { samples, model, tags } = readPieceFile(bytes)
        yield { index, isLast, samples, sampleRate, model, tags, job }
        signal.throwIfAborted()
        next = placeAfter(part)
        untilMs = performance.now() + patienceMs
      }
      if (!job || hasEnded(job)) return job
      if (next !== before) continue
      if (leftMs <= 0) return job
      await changed
    } finally {
      decided.abort()
    }
  }
}
