// Ends of jobs → deliveries: one for each webhook of the account that wants to know, and one for the URL that came with the request.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'

export const FAN_OUT_BATCH = 500

/**
 * Takes up to FAN_OUT_BATCH events out of job_events and puts what they mean into webhook_deliveries, in one statement: an event is told of
 * as often as there are receivers, whoever is killed. Any number of processes may do it at once. Returns how many events it took.
 */
export async function fanOutEvents(db: Database): Promise<number> {
  const { rows } = await sql<{ events: number }>`
    with due as (
      select id from job_events order by id limit ${FAN_OUT_BATCH} for update skip locked
    ), taken as (
      delete from job_events using due where job_events.id = due.id
      returning job_events.job_id, job_events.account_id, job_events.kind, job_events.at
    ), receivers as (
      select taken.*, webhooks.id as webhook_id, webhooks.url
      from taken join webhooks on webhooks.account_id = taken.account_id
      where taken.kind = any (webhooks.events) and webhooks.disabled_at is null
      union all
      select taken.*, null, jobs.webhook_url
      from taken join jobs on jobs.id = taken.job_id
      where jobs.webhook_url is not null
    ), added as (
      insert into webhook_deliveries (id, account_id, webhook_id, job_id, event, event_at, url, host)
      select ${randomId}, account_id, webhook_id, job_id, kind, at, url, ${hostOf(sql`url`)} from receivers
    )
    select count(*)::int as events from taken
  `.execute(db)
  return rows[0]?.events ?? 0
}

/** Random like ids.ts' own, made where the rows are. */
export const randomId = sql`replace(gen_random_uuid()::text, '-', '')`

/** The host of a URL with its port, to tell receivers apart. Nothing is connected to by it. */
export const hostOf = (url: ReturnType<typeof sql>) =>
  sql`lower(coalesce(substring(${url} from '^[A-Za-z]+:/*([^/?#]+)'), ''))`
