// Who waits for a sync job. A caller without an idempotency key learns the id with the answer and not before: when their gateway dies, nobody
// can ever fetch what is spoken for them, and so it is neither spoken to its end nor charged.
import { sql } from 'kysely'
import type { Log } from '../log.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { notifyChanged } from './notify.ts'
import { cancelling, settlement } from './settlement.ts'

/** So long after its gateway was last heard of, a job is given up; longer than a database takes to come back. */
export const ATTENDED_SECONDS = 20
const RENEW_EVERY_MS = (ATTENDED_SECONDS * 1000) / 4
const BATCH = 1000

/** Of a row of jobs: nobody waits for it, and nobody can come back for it. Such a job is not finished. */
export const isUnattended = sql`(mode = 'sync' and attended_until < now())`

/** Of a row of jobs: it shall not be finished. */
export const isUnwanted = sql`(cancel_requested or ${isUnattended})`

export interface Attendance {
  /** Until it is disposed of, the job counts as waited for. One with an idempotency key needs nobody. */
  attend(id: string): Disposable
}

/** Says for all jobs of this process, in one statement every few seconds, that somebody waits for them. */
export function createAttendance(db: Database, log: Log): Attendance {
  const attended = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const renew = () => {
    renewAttendance(db, [...attended]).catch((err) =>
      log.warn({ err, jobs: attended.size }, 'the database did not hear that callers still wait; it is told again'),
    )
  }
  return {
    attend(id) {
      attended.add(id)
      timer ??= setInterval(renew, RENEW_EVERY_MS)
      return {
        [Symbol.dispose]: () => {
          attended.delete(id)
          if (attended.size > 0) return
          clearInterval(timer)
          timer = undefined
        },
      }
    },
  }
}

/** A job that another statement has in its hands is left to the next time: there are four within the time that counts. */
export async function renewAttendance(db: Database, ids: readonly string[]): Promise<void> {
  await sql`
    update jobs set attended_until = greatest(attended_until, now() + ${ATTENDED_SECONDS} * interval '1 second')
    where id = any (array(
      select id from jobs where id = any (${ids}::text[]) and state in ('queued', 'running') for update skip locked
    ))
  `.execute(db)
}

/** The caller was told the job's id and may come back for it whenever they like. */
export async function attendForGood(db: Database, id: string): Promise<void> {
  await retryTransient(() => sql`update jobs set attended_until = 'infinity' where id = ${id}`.execute(db))
}

/**
 * Cancels the jobs that nobody waits for, as `cancelJob` does. Returns how many. Whoever holds the advisory lock does it for all processes:
 * two could otherwise lock the same accounts in opposite order.
 */
export async function cancelUnattendedJobs(db: Database, advisoryLock: number): Promise<number> {
  const statement = sql<{ id: string }>`
    with alone as materialized (
      select pg_try_advisory_xact_lock(${advisoryLock}) as yes
    ), unattended as materialized (
      select id from jobs
      where state in ('queued', 'running') and ${isUnattended} and attended_until < 'infinity' and not cancel_requested
        and (select yes from alone)
      order by attended_until limit ${BATCH}
      for update skip locked
    ), asked as (
      update jobs set ${cancelling}
      where id = any (array(select id from unattended))
      returning *
    ), ended as (
      select * from asked where state = 'cancelled'
    ), ${settlement}
    select asked.id from asked cross join (select count(*) from settled) as accounts
  `
  // Not repeated: when the database is back after a while, those who wait shall be first.
  const { rows } = await statement.execute(db)
  for (const { id } of rows) notifyChanged(db, id)
  return rows.length
}
