// How long the queue is.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import type { JobMode } from './job.ts'

/** Jobs of a mode that could be claimed now; counting ends at `atMost`. */
export async function countQueued(db: Database, mode: JobMode, atMost: number): Promise<number> {
  const statement = sql<{ jobs: number }>`
    select count(*)::int as jobs from (
      (select from jobs where state = 'queued' and mode = ${mode} and run_at is null limit ${atMost}::int)
      union all
      (select from jobs where state = 'queued' and mode = ${mode} and run_at <= now() limit ${atMost}::int)
    ) as waiting
  `
  return Math.min(atMost, (await retryTransient(() => statement.execute(db))).rows[0]?.jobs ?? 0)
}

/**
 * How many jobs would be claimed before this one as things are: sync ones first, then by turn. Counting ends at `atMost`. 0 for one that is
 * next, and for one that does not wait.
 */
export async function countJobsAhead(db: Database, jobId: string, atMost: number): Promise<number> {
  const statement = sql<{ jobs: number }>`
    select count(*)::int as jobs
    from (select mode, turn, id from jobs where id = ${jobId} and state = 'queued') as own
    cross join lateral (
      (
        select from jobs
        where state = 'queued' and run_at is null and mode = own.mode and (turn, id) < (own.turn, own.id)
        limit ${atMost}::int
      )
      union all
      (select from jobs where state = 'queued' and run_at is null and mode = 'sync' and own.mode = 'async' limit ${atMost}::int)
    ) as ahead
  `
  return Math.min(atMost, (await retryTransient(() => statement.execute(db))).rows[0]?.jobs ?? 0)
}
