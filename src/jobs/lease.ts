// Keeping a job, and giving it back to the queue.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { isUnwanted } from './attendance.ts'
import type { JobMode } from './job.ts'
import { notifyChanged, notifyQueued } from './notify.ts'
import { scrubbedRequest, settlement } from './settlement.ts'

export interface LeaseRenewal {
  readonly id: string
  readonly leaseToken: string
  readonly leaseSeconds: number
}

/** `cancel`: kept, and the job is to stop: it was cancelled, or nobody waits for it any more. `lost`: it is no longer the caller's. */
export async function renewLease(db: Database, renewal: LeaseRenewal): Promise<'kept' | 'cancel' | 'lost'> {
  const { id, leaseToken, leaseSeconds } = renewal
  const statement = sql<{ isUnwanted: boolean }>`
    update jobs set lease_until = now() + ${leaseSeconds} * interval '1 second'
    where id = ${id} and lease_token = ${leaseToken} and state = 'running'
    returning ${isUnwanted} as "isUnwanted"
  `
  const row = (await retryTransient(() => statement.execute(db))).rows[0]
  return row === undefined ? 'lost' : row.isUnwanted ? 'cancel' : 'kept'
}

export interface Release {
  readonly id: string
  readonly leaseToken: string
  /** Not claimed again before. */
  readonly delaySeconds: number
  /** True after a crash; false when the job was given up for reasons of the worker's. */
  readonly countAttempt: boolean
}

export type Released = 'queued' | 'cancelled' | 'failed' | 'lost'

/**
 * Puts a running job back into the queue, in its old place, its pieces kept. One that is to be cancelled is cancelled instead; one whose attempts
 * are used up has failed. `lost`: it was no longer the caller's, or an answer was and this is the second call.
 */
export async function releaseJob(db: Database, release: Release): Promise<Released> {
  const { id, leaseToken, delaySeconds, countAttempt } = release
  const statement = sql<{ state: Exclude<Released, 'lost'>; mode: JobMode }>`
    with released as (
      update jobs set ${giveBack({ countAttempt, delay: sql`${delaySeconds}::float8 * interval '1 second'` })}
      where id = ${id} and lease_token = ${leaseToken} and state = 'running'
      returning *
    ), ended as (
      select * from released where state <> 'queued'
    ), ${settlement}
    select state, mode from released left join settled on true
  `
  const row = (await retryTransient(() => statement.execute(db))).rows[0]
  if (!row) return 'lost'
  if (row.state === 'queued') notifyQueued(db, row.mode)
  notifyChanged(db, id)
  return row.state
}

/** The `set` of an update that ends the lease of running jobs, for releases and sweeps. `delay` is an interval. */
export function giveBack({ countAttempt, delay }: { countAttempt: boolean; delay: ReturnType<typeof sql> }) {
  const used = countAttempt ? sql`attempts >= max_attempts` : sql`false`
  const back = sql`not ${isUnwanted} and not (${used})`
  const dead = sql`not ${isUnwanted} and (${used})`
  return sql`
    state = case when ${isUnwanted} then 'cancelled' when ${used} then 'failed' else 'queued' end,
    attempts = attempts - ${countAttempt ? 0 : 1},
    lease_token = null,
    lease_until = null,
    queued_at = case when ${back} then now() else queued_at end,
    run_at = case when ${back} and ${delay} > interval '0' then now() + ${delay} end,
    finished_at = case when ${back} then null else now() end,
    error_code = case when ${dead} then 'unavailable' end,
    error_message = case when ${dead} then
      'This request could not be finished in ' || max_attempts || case max_attempts when 1 then ' attempt' else ' attempts' end
      || '. Please send it again.'
    end,
    request = case when ${back} then request else ${scrubbedRequest} end
  `
}
