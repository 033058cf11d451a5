// Deliveries on their way: claimed by one process at a time, and what came of each attempt. Owns the tables webhook_deliveries and
// webhook_attempts, with the other files of this room.
import { sql } from 'kysely'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import type { WebhookEvent } from './webhooks.ts'

/** Lanes of one account that one claim may take from. */
const LANES_PER_ACCOUNT = 8

export interface ClaimedDelivery {
  /** Also the webhook-id of its message. */
  readonly id: string
  readonly leaseToken: string
  readonly accountId: string
  /** null: the URL came with the request, and the account's secret signs. */
  readonly webhookId: string | null
  /** null: a test. */
  readonly jobId: string | null
  readonly event: WebhookEvent | 'test'
  readonly eventAt: Date
  readonly url: string
  readonly host: string
  /** Attempts that have failed since it was made or replayed. */
  readonly tries: number
  /** Those of the webhook. */
  readonly secret: string | null
  readonly previousSecret: string | null
}

export interface Claim {
  readonly slots: number
  /** Longer than an attempt may take. */
  readonly leaseSeconds: number
  /** Lanes, as laneOf() names them, and accounts that have all on their way that they may have. */
  readonly busyLanes: readonly string[]
  readonly busyAccounts: readonly string[]
}

/** What waits for one another: the deliveries of one account to one host. */
export const laneOf = ({ accountId, host }: Pick<ClaimedDelivery, 'accountId' | 'host'>): string =>
  `${accountId} ${host}`

/**
 * Takes what is due: at most one delivery of each lane, from lanes in random order, so that no receiver is always behind another. The cost
 * goes with the number of lanes, not with how much waits in them.
 */
export async function claimDeliveries(db: Database, claim: Claim): Promise<ClaimedDelivery[]> {
  const { rows } = await sql<ClaimedDelivery>`
    with recursive lanes as (
      (select account_id, host from webhook_deliveries where state = 'pending' order by account_id, host limit 1)
      union all
      select next.account_id, next.host
      from lanes, lateral (
        select account_id, host from webhook_deliveries
        where state = 'pending' and (account_id, host) > (lanes.account_id, lanes.host)
        order by account_id, host limit 1
      ) next
    ), open_lanes as (
      select account_id, host, row_number() over (partition by account_id order by random()) as turn
      from lanes
      where account_id || ' ' || host <> all (${claim.busyLanes}::text[])
        and account_id <> all (${claim.busyAccounts}::text[])
        and exists (
          select from webhook_deliveries
          where state = 'pending' and account_id = lanes.account_id and host = lanes.host and due_at <= now()
        )
    ), due as (
      select delivery.id
      from (select account_id, host from open_lanes where turn <= ${LANES_PER_ACCOUNT} order by random()) lane, lateral (
        select id from webhook_deliveries
        where state = 'pending' and account_id = lane.account_id and host = lane.host and due_at <= now()
        order by due_at limit 1
        for update skip locked
      ) delivery
      limit ${claim.slots}
    ), claimed as (
      update webhook_deliveries
      set lease_token = ${newId()}, due_at = now() + ${claim.leaseSeconds} * interval '1 second'
      from due where webhook_deliveries.id = due.id
      returning webhook_deliveries.*
    )
    select
      claimed.id, claimed.lease_token as "leaseToken", claimed.account_id as "accountId", claimed.webhook_id as "webhookId",
      claimed.job_id as "jobId", claimed.event, claimed.event_at as "eventAt", claimed.url, claimed.host, claimed.tries,
      webhooks.secret, case when webhooks.previous_until > now() then webhooks.previous_secret end as "previousSecret"
    from claimed left join webhooks on webhooks.id = claimed.webhook_id
  `.execute(db)
  return rows
}

/** What came of an attempt. */
export interface Attempt {
  readonly at: Date
  readonly milliseconds: number
  /** undefined: no answer came. */
  readonly statusCode: number | undefined
  /** The first bytes of the answer, as text. */
  readonly answer: string | undefined
  /** undefined: it was delivered. */
  readonly error: string | undefined
  /** What the receiver asked to be left alone for. */
  readonly retryAfterSeconds?: number | undefined
}

export type Outcome =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly delaySeconds: number }
  | { readonly kind: 'failed' }
  /** The receiver wants nothing any more: its webhook is disabled, and what waits for it is given up. */
  | { readonly kind: 'gone' }

type Claimed = Pick<ClaimedDelivery, 'id' | 'leaseToken'>

/** Ends the claim. False: somebody else has claimed the delivery since, or its webhook was deleted, and nothing is written. */
export async function recordAttempt(
  db: Database,
  { id, leaseToken }: Claimed,
  attempt: Attempt,
  outcome: Outcome,
): Promise<boolean> {
  const isGone = outcome.kind === 'gone'
  const isDelivered = outcome.kind === 'delivered'
  const state = { delivered: 'delivered', retry: 'pending', failed: 'failed', gone: 'failed' }[outcome.kind]
  const delaySeconds = outcome.kind === 'retry' ? outcome.delaySeconds : null
  const statement = sql`
    with recorded as (
      update webhook_deliveries set
        state = ${state},
        tries = tries + 1,
        lease_token = null,
        due_at = case when ${state} = 'pending' then now() + ${delaySeconds}::float8 * interval '1 second' else due_at end,
        finished_at = case when ${state} = 'pending' then null else now() end
      where id = ${id} and lease_token = ${leaseToken} and state = 'pending'
      returning id, webhook_id
    ), attempt as (
      insert into webhook_attempts (delivery_id, number, at, milliseconds, status_code, answer, error)
      select
        id, (select coalesce(max(number), 0) + 1 from webhook_attempts where delivery_id = ${id}), ${attempt.at},
        ${attempt.milliseconds}::integer, ${attempt.statusCode ?? null}::integer, ${attempt.answer ?? null}::text,
        ${attempt.error ?? null}::text
      from recorded
    ), webhook as (
      update webhooks set disabled_at = case when ${isGone} then now() end
      from recorded
      where webhooks.id = recorded.webhook_id
        and case when webhooks.disabled_at is null then ${isGone}::boolean else ${isDelivered}::boolean end
    ), given_up as (
      update webhook_deliveries set state = 'failed', finished_at = now()
      from recorded
      where ${isGone} and webhook_deliveries.webhook_id = recorded.webhook_id and webhook_deliveries.id <> recorded.id
        and webhook_deliveries.state = 'pending' and webhook_deliveries.lease_token is null
    )
    select id from recorded
  `
  return (await retryTransient(() => statement.execute(db))).rows.length > 0
}

/** Ends the claim of an attempt that was broken off: it is due again at once. */
export async function releaseDelivery(db: Database, { id, leaseToken }: Claimed): Promise<void> {
  await retryTransient(() =>
    sql`
      update webhook_deliveries set lease_token = null, due_at = now()
      where id = ${id} and lease_token = ${leaseToken} and state = 'pending'
    `.execute(db),
  )
}

export interface Backlog {
  readonly pending: number
  /** Seconds since the oldest one was made; 0 without any. */
  readonly oldestSeconds: number
  /** Seconds for which the next attempt at one has been due and was not begun: grows when gateways do not keep up. */
  readonly overdueSeconds: number
}

export async function findBacklog(db: Database): Promise<Backlog> {
  const { rows } = await sql<Backlog>`
    select
      count(*)::int as pending,
      coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "oldestSeconds",
      coalesce(greatest(0, extract(epoch from now() - min(due_at))), 0)::float8 as "overdueSeconds"
    from webhook_deliveries where state = 'pending'
  `.execute(db)
  return rows[0] ?? { pending: 0, oldestSeconds: 0, overdueSeconds: 0 }
}
