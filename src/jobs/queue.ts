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

export interface QueueFacts {
  readonly mode: JobMode
  readonly queued: number
  readonly running: number
  /** How long the job has waited that has waited longest, retries whose time has not come included; 0 when none waits. */
  readonly oldestSeconds: number
}

/** For metrics: reads every open job, so not for every request. */
export async function measureQueue(db: Database): Promise<QueueFacts[]> {
  const { rows } = await sql<QueueFacts>`
    select
      mode,
      (count(*) filter (where state = 'queued'))::int as queued,
      (count(*) filter (where state = 'running'))::int as running,
      coalesce(extract(epoch from now() - min(queued_at) filter (where state = 'queued')), 0)::float8 as "oldestSeconds"
    from (values ('sync'), ('async')) as modes (mode)
    left join (select mode, state, queued_at from jobs where state in ('queued', 'running')) as open using (mode)
    group by mode
  `.execute(db)
  return rows
}
