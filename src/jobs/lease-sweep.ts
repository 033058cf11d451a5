// Ending what nobody keeps any more, leases and waits, with regard for those who could not say that they do.
import type { Log } from '../log.ts'
import type { Database } from '../storage/postgres.ts'
import { violatedConstraint } from '../storage/violations.ts'
import { cancelUnattendedJobs } from './attendance.ts'
import { findAbandonedJobs, type Requeued, requeueAbandonedJobs, SWEEP_LOCK } from './sweep.ts'

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
  const jobs = await requeue(db, log)
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

/**
 * All together; or, where the schema refuses one of them – its account's books are not what they should be –, each for itself: it must not
 * keep everybody else's from going on.
 */
async function requeue(db: Database, log: Log): Promise<readonly Requeued[]> {
  try {
    return await requeueAbandonedJobs(db)
  } catch (error) {
    if (violatedConstraint(error) === undefined) throw error
    const requeued: Requeued[] = []
    for (const id of await findAbandonedJobs(db)) {
      const alone = requeueAbandonedJobs(db, id).catch((err) => {
        if (violatedConstraint(err) === undefined) throw err
        log.error({ id, err }, 'the lease of a job cannot be ended')
        return []
      })
      requeued.push(...(await alone))
    }
    return requeued
  }
}
