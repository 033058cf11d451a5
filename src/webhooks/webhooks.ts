// The receivers that an account has named for its events. Owns the table webhooks.
import { sql } from 'kysely'
import { AppError } from '../errors.ts'
import { isId, newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { makeSecret, type RotatedSecret, rotation } from './secrets.ts'

export const WEBHOOK_EVENTS = ['completed', 'failed', 'cancelled'] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

export const MAX_WEBHOOKS_PER_ACCOUNT = 50

export interface NewWebhook {
  readonly accountId: string
  /** Its form has been checked. */
  readonly url: string
  readonly events: readonly WebhookEvent[]
  readonly description: string | undefined
}

export interface Webhook {
  readonly id: string
  readonly url: string
  readonly events: WebhookEvent[]
  readonly description: string | null
  readonly createdAt: Date
  /** It has answered 410; no event reaches it until a test or a replay has succeeded. */
  readonly disabledAt: Date | null
}

const COLUMNS = ['id', 'url', 'events', 'description', 'created_at as createdAt', 'disabled_at as disabledAt'] as const

/** The secret is not shown again. Throws AppError `invalid_parameter` when the account has as many webhooks as it may. */
export async function createWebhook(db: Database, webhook: NewWebhook): Promise<{ webhook: Webhook; secret: string }> {
  const id = newId()
  const secret = makeSecret()
  const { accountId, url, events, description = null } = webhook
  await retryTransient(() =>
    sql`
      insert into webhooks (id, account_id, url, events, description, secret)
      select ${id}, ${accountId}, ${url}, ${[...new Set(events)]}::text[], ${description}::text, ${secret}
      where (select count(*) from webhooks where account_id = ${accountId}) < ${MAX_WEBHOOKS_PER_ACCOUNT}
      on conflict (id) do nothing
    `.execute(db),
  )
  const made = await findWebhook(db, accountId, id)
  if (made) return { webhook: made, secret }
  const message = `An account may have at most ${MAX_WEBHOOKS_PER_ACCOUNT} webhooks. Delete one first.`
  throw new AppError('invalid_parameter', message)
}

/** Oldest first. */
export async function listWebhooks(db: Database, accountId: string): Promise<Webhook[]> {
  return retryTransient(() =>
    db.selectFrom('webhooks').select(COLUMNS).where('account_id', '=', accountId).orderBy('created_at').execute(),
  )
}

/** undefined: there is none, or it is another account's. */
export async function findWebhook(db: Database, accountId: string, id: string): Promise<Webhook | undefined> {
  if (!isId(id)) return undefined
  return retryTransient(() =>
    db
      .selectFrom('webhooks')
      .select(COLUMNS)
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .executeTakeFirst(),
  )
}

/** Forgets it with all its deliveries, also those that wait. False: there is none. */
export async function removeWebhook(db: Database, accountId: string, id: string): Promise<boolean> {
  if (!isId(id)) return false
  const removed = await retryTransient(() =>
    db
      .deleteFrom('webhooks')
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .returning('id')
      .executeTakeFirst(),
  )
  return removed !== undefined
}

/** A new secret, not shown again. undefined: there is no such webhook. */
export async function rotateWebhookSecret(
  db: Database,
  accountId: string,
  id: string,
): Promise<RotatedSecret | undefined> {
  if (!isId(id)) return undefined
  const secret = makeSecret()
  const { rows } = await retryTransient(() =>
    sql<RotatedSecret>`
      update webhooks set ${rotation(secret)}
      where id = ${id} and account_id = ${accountId}
      returning secret, previous_until as "previousUntil"
    `.execute(db),
  )
  return rows[0]
}
