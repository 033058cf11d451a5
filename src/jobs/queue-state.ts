// How full the queue is and who works on it, as an operator and an autoscaler see it; of the whole database, whichever process asks.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { GONE_AFTER } from './workers.ts'

// A longer queue is reported as this long: enough for any alert, and the statement stays as fast as it was.
const COUNTED = 10_000

export interface QueueState {
  readonly modes: readonly ModeState[]
  /** Workers that were seen lately, and the jobs they can speak at the same time. */
  readonly workers: number
  readonly slots: number
}

export interface ModeState {
  readonly mode: 'sync' | 'async'
  /** Jobs that a free worker would take now; at most 10,000 are counted. */
  readonly queued: number
  /** Since when the oldest of these has been waiting, in seconds; 0 when none waits. */
  readonly oldestSeconds: number
  /** Jobs that wait for the time of their next attempt; at most 10,000 are counted. */
  readonly delayed: number
  readonly running: number
}

/** A reading for dashboards: each number is answered by an index, and none of them stops a claim. */
export async function findQueueState(db: Database): Promise<QueueState> {
  const [modes, workers] = await Promise.all([
    sql<ModeState>`
      select modes.mode, ready.jobs as queued, ready.seconds as "oldestSeconds", delayed.jobs as delayed, running.jobs as running
      from (values ('sync'), ('async')) modes (mode)
      cross join lateral (
        select count(*)::int as jobs, coalesce(extract(epoch from now() - min(queued_at)), 0)::float8 as seconds
        from (
          select queued_at from jobs where state = 'queued' and run_at is null and mode = modes.mode
          order by turn, id limit ${COUNTED}
        ) ready
      ) ready
      cross join lateral (
        select count(*)::int as jobs from (
          select from jobs where state = 'queued' and run_at is not null and mode = modes.mode limit ${COUNTED}
        ) delayed
      ) delayed
      cross join lateral (
        select count(*)::int as jobs from jobs where state = 'running' and mode = modes.mode
      ) running
    `.execute(db),
    sql<{ workers: number; slots: number }>`
      select count(*)::int as workers, coalesce(sum(slots), 0)::int as slots from workers
      where seen_at > now() - ${GONE_AFTER}::interval
    `.execute(db),
  ])
  return { modes: modes.rows, workers: workers.rows[0]?.workers ?? 0, slots: workers.rows[0]?.slots ?? 0 }
}
