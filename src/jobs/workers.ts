// Who can speak: every worker says so every few seconds.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'

export interface WorkerFacts {
  /** 32 lower-case hex digits. */
  readonly id: string
  readonly host: string
  readonly model: string
  readonly version: string
  /** Jobs at the same time. */
  readonly slots: number
}

export interface SeenWorker extends WorkerFacts {
  readonly startedAt: Date
  readonly seenAt: Date
}

/** An interval, six times as long as a worker leaves between two signs of life. */
export const GONE_AFTER = '30 seconds'

/** Notes that the worker is there. */
export async function seenWorker(db: Database, { id, host, model, version, slots }: WorkerFacts): Promise<void> {
  const facts = { host, model, version, slots }
  await retryTransient(() =>
    db
      .insertInto('workers')
      .values({ id, ...facts })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...facts, seen_at: sql<Date>`now()` }))
      .execute(),
  )
}

/** For a worker that ends in good order. */
export async function forgetWorker(db: Database, id: string): Promise<void> {
  await retryTransient(() => db.deleteFrom('workers').where('id', '=', id).execute())
}

/** Those seen within the last 30 seconds, the longest-running first. */
export async function findWorkers(db: Database): Promise<SeenWorker[]> {
  return retryTransient(() =>
    db
      .selectFrom('workers')
      .select(['id', 'host', 'model', 'version', 'slots', 'started_at as startedAt', 'seen_at as seenAt'])
      .where('seen_at', '>', sql<Date>`now() - ${GONE_AFTER}::interval`)
      .orderBy('started_at')
      .orderBy('id')
      .execute(),
  )
}

/** Forgets workers that have not been seen for a day. */
export async function removeGoneWorkers(db: Database): Promise<void> {
  await sql`delete from workers where seen_at < now() - interval '1 day'`.execute(db)
}
