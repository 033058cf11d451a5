// Sweeps again and again while a server runs.
import { setTimeout as sleep } from 'node:timers/promises'
import { removeUnusedRateLimits } from '../billing/rate-limit.ts'
import type { Log } from '../log.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { createLeaseSweep, LEASE_SWEEP_EVERY_MS } from './lease-sweep.ts'
import { removeDeletedVoices, removeExpired, removeInputs, removeOldPieces, removeOrphanBlobs } from './sweep.ts'
import { removeGoneWorkers } from './workers.ts'

// Nobody waits for it.
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
    repeat(LEASE_SWEEP_EVERY_MS, createLeaseSweep(db, log)),
    repeat(LEASE_SWEEP_EVERY_MS, async () => {
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
