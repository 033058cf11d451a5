// Ending what nobody keeps any more, leases and waits, with regard for those who could not say that they do.
import type { Log } from '../log.ts'
import type { Database } from '../storage/postgres.ts'
import { cancelUnattendedJobs } from './attendance.ts'
import { type Requeued, requeueAbandonedJobs, SWEEP_LOCK } from './sweep.ts'

/** Callers wait for abandoned jobs. */
export const LEASE_SWEEP_EVERY_MS = 5_000
/** Since the last sweep that succeeded. As long as this somebody who keeps a lease may have stood still, too, or had no database. */
const LATE_AFTER_MS = 2 * LEASE_SWEEP_EVERY_MS

/**
 * One sweep per call. After a while without any – the machine was suspended or had no processor for us, the database was away – the first
 * ends nothing: in the same moment those who live renew what they have. `now`: a clock in ms.
 */
export function createLeaseSweep(db: Database, log: Log, now: () => number = () => performance.now()) {
  let sweptAt: number | undefined
  return async (): Promise<void> => {
    const isLate = sweptAt !== undefined && now() - sweptAt > LATE_AFTER_MS
    if (isLate) {
      log.warn(
        { seconds: Math.round((now() - (sweptAt ?? 0)) / 1000) },
        'sweeping stood still; leases get one more round',
      )
    } else {
      await endLeases(db, log)
    }
    sweptAt = now()
  }
}

async function endLeases(db: Database, log: Log): Promise<void> {
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
}
