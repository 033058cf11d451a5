// Requests per minute, exact across any number of servers: one statement per request. Owns the table rate_limits.
import { sql } from 'kysely'
import { invariant } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'

const MINUTE_US = 60_000_000

export interface TakenRequest {
  readonly allowed: boolean
  readonly limit: number
  /** Requests that would be allowed right now. */
  readonly remaining: number
  /** When the whole limit is available again. */
  readonly resetAt: Date
  /** 0 when allowed. */
  readonly retryAfterSeconds: number
}

/**
 * Takes one of `perMinute` requests of `subject` (GCRA, the "generic cell rate algorithm": a whole minute's requests may come at once,
 * then one becomes free every 60/perMinute seconds). A refused request writes nothing and costs nothing.
 * A repetition after a broken connection may count one request twice.
 */
export async function takeRequest(db: Database, subject: string, perMinute: number): Promise<TakenRequest> {
  invariant(Number.isInteger(perMinute) && perMinute > 0, `${perMinute} is no number of requests per minute`)
  const spacingUs = Math.floor(MINUTE_US / perMinute)
  const statement = sql<{ allowed: boolean; arrivalUs: number; nowUs: number }>`
    with clock as (
      select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us
    ), taken as (
      insert into rate_limits (subject, arrival_us)
      select ${subject}, now_us + ${spacingUs}::bigint from clock
      on conflict (subject) do update
        set arrival_us = greatest(rate_limits.arrival_us + ${spacingUs}::bigint, excluded.arrival_us)
        where rate_limits.arrival_us + ${spacingUs}::bigint <= (select now_us from clock) + ${MINUTE_US}::bigint
      returning arrival_us
    )
    select true as allowed, taken.arrival_us as "arrivalUs", now_us as "nowUs" from taken, clock
    union all
    select false, rate_limits.arrival_us, now_us from rate_limits, clock
    where subject = ${subject} and not exists (select from taken)
  `
  const { rows } = await retryTransient(() => statement.execute(db))
  const { allowed, arrivalUs, nowUs } = rows[0] ?? { allowed: false, arrivalUs: 0, nowUs: Date.now() * 1000 }
  // A refused request reads the row as it was when the statement began, if it was there. Where that does not explain the refusal, others
  // have been quicker since, and the limit is all used.
  const isOutdated = !allowed && arrivalUs + spacingUs <= nowUs + MINUTE_US
  const aheadUs = isOutdated ? MINUTE_US : Math.max(0, arrivalUs - nowUs)
  return {
    allowed,
    limit: perMinute,
    remaining: allowed ? Math.floor((MINUTE_US - aheadUs) / spacingUs) : 0,
    resetAt: new Date((nowUs + aheadUs) / 1000),
    retryAfterSeconds: allowed ? 0 : (aheadUs + spacingUs - MINUTE_US) / 1_000_000,
  }
}

/** Forgets subjects that have their whole limit again. */
export async function removeUnusedRateLimits(db: Database): Promise<void> {
  await sql`delete from rate_limits where arrival_us < extract(epoch from clock_timestamp()) * 1000000`.execute(db)
}
