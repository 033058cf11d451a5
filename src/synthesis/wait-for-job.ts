// Until a job has ended: woken by notifications, kept honest by looking again. Knows no HTTP and no audio.
import { findJob, type Job } from '../jobs/job.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { Database } from '../storage/postgres.ts'
import { abortTogether } from './abort-together.ts'

/** A notification may be lost, with the session that listens; where there is none, the signals look more often by themselves. */
const LOOK_AGAIN_MS = 1000

export interface Wait {
  readonly accountId: string
  readonly id: string
  /** By `performance.now()`. */
  readonly untilMs: number
}

/**
 * The job as soon as it has ended, or as it is when the time is over. undefined: there is none, or it has expired.
 * Throws the signal's reason when it is aborted, and AppError `unavailable` when the database stays away.
 */
export async function waitForJob(
  { db, signals }: { readonly db: Database; readonly signals: JobSignals },
  { accountId, id, untilMs }: Wait,
  signal: AbortSignal,
): Promise<Job | undefined> {
  for (;;) {
    signal.throwIfAborted()
    const leftMs = untilMs - performance.now()
    const decided = new AbortController()
    using listening = abortTogether(signal, decided.signal)
    // Listening comes before looking: a change in between is not missed.
    const changed = signals.waitForChange(id, listening.signal, Math.max(0, Math.min(LOOK_AGAIN_MS, leftMs)))
    changed.catch(() => {}) // it is told by `signal`
    try {
      const job = await findJob(db, accountId, id)
      if (!job || hasEnded(job) || leftMs <= 0) return job
      await changed
    } finally {
      decided.abort()
    }
  }
}

export const hasEnded = ({ state }: Job): boolean => state !== 'queued' && state !== 'running'
