// Sweeps again and again while a server runs.
import { setTimeout as sleep } from 'node:timers/promises'
import { removeUnusedRateLimits } from '../billing/rate-limit.ts'
import type { Log } from '../log.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { cancelUnattendedJobs } from './attendance.ts'
import {
  type Requeued,
  removeDeletedVoices,
  removeExpired,
  removeInputs,
  removeOldPieces,
  removeOrphanBlobs,
  requeueAbandonedJobs,
  SWEEP_LOCK,
} from './sweep.ts'
import { removeGoneWorkers } from './workers.ts'

// Callers wait for abandoned jobs; nobody waits for the rest.
const ABANDONED_EVERY_MS = 5_000
const REST_EVERY_MS = 15 * 60_000

/** Disposing waits for the sweep at work. A sweep that fails is logged, and the next one is on time. */
export function startSweeper(db: Database, blobs: Blobs, log: Log): AsyncDisposable {
  const stop = new AbortController()
  const repeat = async (everyMs: number, sweep: () => Promise<void>) => {
    while (!stop.signal.aborted) {
      await sweep().catch((error) => log.warn({ err: error }, 'sweeping failed; it will be tried again'))
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const loops = [
    repeat(ABANDONED_EVERY_MS, async () => {
      const jobs = await requeueAbandonedJobs(db)
      const count = (state: Requeued['state']) => jobs.filter((job) => job.state === state).length
      if (jobs.length > 0) {
        log.warn(
          { requeued: count('queued'), failed: count('failed'), cancelled: count('cancelled') },
          'ended the leases of jobs whose process is gone',
        )
      }
      const unattended = await cancelUnattendedJobs(db, SWEEP_LOCK)
      if (unattended > 0) log.warn({ cancelled: unattended }, 'cancelled requests whose server is gone')
    }),
    repeat(ABANDONED_EVERY_MS, async () => {
      await removeInputs(db, blobs)
      await removeDeletedVoices(db, blobs)
    }),
    repeat(REST_EVERY_MS, async () => {
      const removedBlobs = (await removeExpired(db, blobs)) + (await removeOrphanBlobs(db, blobs))
      if (removedBlobs > 0) log.info({ removedBlobs }, 'removed expired outputs and uploads')
      await removeOldPieces(db, blobs)
      await removeUnusedRateLimits(db)
      await removeGoneWorkers(db)
    }),
  ]
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await Promise.all(loops)
    },
  }
}
