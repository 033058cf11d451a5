// What was delivered and what was not, for the account to read; tests and replays, which it asks for.
import { sql } from 'kysely'
import { isId, newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { hostOf } from './fan-out.ts'
import type { WebhookEvent } from './webhooks.ts'

const SWEEP_BATCH = 1000

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

export interface LoggedAttempt {
  readonly number: number
  /** ISO 8601. */
  readonly at: string
  readonly milliseconds: number
  readonly statusCode: number | null
  readonly answer: string | null
  readonly error: string | null
}

export interface Delivery {
  readonly id: string
  readonly webhookId: string | null
  readonly jobId: string | null
  readonly event: WebhookEvent | 'test'
  readonly url: string
  readonly state: DeliveryState
  readonly createdAt: Date
  readonly finishedAt: Date | null
  /** When the next attempt is due; null: there will be none, or it is being made. */
  readonly nextAttemptAt: Date | null
  /** Oldest first. */
  readonly attempts: LoggedAttempt[]
}

export interface DeliveryFilter {
  readonly jobId?: string | undefined
  readonly webhookId?: string | undefined
  readonly state?: DeliveryState | undefined
  /** Only those made before this one: the next page. */
  readonly before?: string | undefined
  readonly limit: number
}

/** Newest first. */
export async function listDeliveries(db: Database, accountId: string, filter: DeliveryFilter): Promise<Delivery[]> {
  const { jobId, webhookId, state, before, limit } = filter
  if ([jobId, webhookId, before].some((id) => id !== undefined && !isId(id))) return []
  return retryTransient(() =>
    select(db)
      .where('account_id', '=', accountId)
      .$if(jobId !== undefined, (query) => query.where('job_id', '=', jobId ?? ''))
      .$if(webhookId !== undefined, (query) => query.where('webhook_id', '=', webhookId ?? ''))
      .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'pending'))
      .$if(before !== undefined, (query) =>
        query.where(
          sql<boolean>`(created_at, id) < (select created_at, id from webhook_deliveries where id = ${before} and account_id = ${accountId})`,
        ),
      )
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute(),
  )
}

/** undefined: there is none, or it is another account's. */
export async function findDelivery(db: Database, accountId: string, id: string): Promise<Delivery | undefined> {
  if (!isId(id)) return undefined
  return retryTransient(() => select(db).where('account_id', '=', accountId).where('id', '=', id).executeTakeFirst())
}

/** Adds a message that says only that the webhook works. It is tried once. undefined: there is no such webhook. */
export async function addTestDelivery(
  db: Database,
  accountId: string,
  webhookId: string,
): Promise<Delivery | undefined> {
  if (!isId(webhookId)) return undefined
  const id = newId()
  await retryTransient(() =>
    sql`
      insert into webhook_deliveries (id, account_id, webhook_id, event, event_at, url, host)
      select ${id}, account_id, id, 'test', now(), url, ${hostOf(sql`url`)} from webhooks
      where id = ${webhookId} and account_id = ${accountId}
      on conflict (id) do nothing
    `.execute(db),
  )
  return findDelivery(db, accountId, id)
}

/**
 * Delivers once more, under the same webhook-id and with the retries of a new one; one that waits is tried at once. One that is being
 * tried just now stays as it is. undefined: there is none.
 */
export async function replayDelivery(db: Database, accountId: string, id: string): Promise<Delivery | undefined> {
  if (!isId(id)) return undefined
  await retryTransient(() =>
    sql`
      update webhook_deliveries set state = 'pending', finished_at = null, due_at = now(), tries = 0, lease_token = null
      where id = ${id} and account_id = ${accountId} and (state <> 'pending' or lease_token is null or due_at < now())
    `.execute(db),
  )
  return findDelivery(db, accountId, id)
}

/** Forgets deliveries that ended and are older than `ttlHours`, with their attempts. Returns how many. */
export async function removeOldDeliveries(db: Database, ttlHours: number): Promise<number> {
  let removed = 0
  for (;;) {
    const { rows } = await sql`
      delete from webhook_deliveries where id in (
        select id from webhook_deliveries
        where created_at < now() - ${ttlHours} * interval '1 hour' and state <> 'pending'
        order by created_at limit ${SWEEP_BATCH}
        for update skip locked
      )
      returning id
    `.execute(db)
    removed += rows.length
    if (rows.length < SWEEP_BATCH) return removed
  }
}

function select(db: Database) {
  return db
    .selectFrom('webhook_deliveries')
    .select(['id', 'webhook_id as webhookId', 'job_id as jobId', 'event', 'url', 'state', 'created_at as createdAt'])
    .select(['finished_at as finishedAt'])
    .select([
      sql<Date | null>`case when state = 'pending' and lease_token is null then due_at end`.as('nextAttemptAt'),
      sql<LoggedAttempt[]>`coalesce((
        select jsonb_agg(jsonb_build_object(
          'number', number, 'at', at, 'milliseconds', milliseconds, 'statusCode', status_code, 'answer', answer, 'error', error
        ) order by number)
        from webhook_attempts where delivery_id = webhook_deliveries.id
      ), '[]')`.as('attempts'),
    ])
}
