// Stopping a job that somebody no longer wants.
import { sql } from 'kysely'
import { isId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { findJob, type Job } from './job.ts'
import { notifyChanged } from './notify.ts'
import { cancelling, settlement } from './settlement.ts'

/**
 * Cancels a job: one that waits at once, its hold released; one that runs as soon as its worker sees it, at the next piece, renewal or signal,
 * and from now on it can no longer complete. One that has ended stays as it is. Returns the job as it is afterwards; undefined as `findJob`.
 */
export async function cancelJob(db: Database, accountId: string | undefined, id: string): Promise<Job | undefined> {
  if (!isId(id)) return undefined
  const ofAccount = accountId === undefined ? sql`true` : sql`account_id = ${accountId}`
  const statement = sql<{ id: string }>`
    with asked as (
      update jobs set ${cancelling}
      where id = ${id} and ${ofAccount} and state in ('queued', 'running')
      returning *
    ), ended as (
      select * from asked where state = 'cancelled'
    ), ${settlement}
    select asked.id from asked left join settled on true
  `
  const { rows } = await retryTransient(() => statement.execute(db))
  if (rows.length > 0) notifyChanged(db, id)
  return findJob(db, accountId, id)
}
