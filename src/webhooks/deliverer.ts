// The loops of one process that tell receivers what has happened. Any number of processes may run them on one database.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { Poster } from '../outbound/guarded-post.ts'
import type { Database } from '../storage/postgres.ts'
import { judge, sendMessage } from './attempt.ts'
import {
  type ClaimedDelivery,
  claimDeliveries,
  findBacklog,
  laneOf,
  recordAttempt,
  releaseDelivery,
} from './deliveries.ts'
import { removeOldDeliveries } from './delivery-log.ts'
import { FAN_OUT_BATCH, fanOutEvents } from './fan-out.ts'
import { type DescribeRequest, renderMessage } from './message.ts'
import { RETRY_DELAYS_SECONDS, retryDelaySeconds } from './retry-schedule.ts'
import { findAccountSecret } from './secrets.ts'

const DELIVERIES_AT_ONCE = 64
const DELIVERIES_PER_LANE = 4
const DELIVERIES_PER_ACCOUNT = 16
/** An attempt takes 10 s, and its statements ride out a database that restarts for 20 s each. */
const LEASE_SECONDS = 60
/** An attempt that begins later than this in its lease might outlive it. */
const LATEST_START_SECONDS = 30
const POLL_MS = 500
const BACKLOG_EVERY_MS = 15_000
const SWEEP_EVERY_MS = 15 * 60_000
/** What a stopping process grants attempts before it breaks them off. */
const STOP_GRACE_MS = 3000

export interface DelivererParts {
  readonly db: Database
  readonly poster: Poster
  readonly describeRequest: DescribeRequest
  /** How long the log is kept. */
  readonly ttlHours: number
  readonly metrics: Metrics
  readonly log: Log
  /** For tests, which have no day to wait. */
  readonly retryDelaysSeconds?: readonly number[]
  readonly leaseSeconds?: number
}

export interface Deliverer extends AsyncDisposable {
  /** Something is due that this process knows of: looks at once instead of at the next poll. */
  wake(): void
}

export function startDeliverer(parts: DelivererParts): Deliverer {
  const { db, log, metrics, leaseSeconds = LEASE_SECONDS } = parts
  const stop = new AbortController()
  const cut = new AbortController()
  setMaxListeners(0, cut.signal) // as many as deliveries
  const bell = createBell()
  const onTheirWay = new Map<ClaimedDelivery, Promise<void>>()

  const repeat = async (work: () => Promise<unknown>, pause: () => Promise<unknown>): Promise<void> => {
    while (!stop.signal.aborted) {
      await work().catch((error) => log.warn({ err: error }, 'delivering webhooks failed; it will be tried again'))
      if (!stop.signal.aborted) await pause()
    }
  }
  const everyMs = (ms: number) => () => sleep(ms, undefined, { signal: stop.signal }).catch(() => {})

  const fanOut = async () => {
    for (let events = FAN_OUT_BATCH; events === FAN_OUT_BATCH; ) {
      events = await fanOutEvents(db)
      if (events > 0) bell.ring()
    }
  }
  const takeDue = async () => {
    for (;;) {
      const slots = DELIVERIES_AT_ONCE - onTheirWay.size
      if (slots === 0 || stop.signal.aborted) return
      const claim = { slots, leaseSeconds, ...findBusy([...onTheirWay.keys()]) }
      const claimedAt = performance.now()
      const deliveries = await claimDeliveries(db, claim)
      if (deliveries.length === 0) return
      for (const delivery of deliveries) {
        const work = deliver(parts, delivery, claimedAt, cut.signal)
          .catch((error) => log.warn({ err: error, delivery: delivery.id }, 'a webhook could not be delivered'))
          .finally(() => {
            onTheirWay.delete(delivery)
            bell.ring()
          })
        onTheirWay.set(delivery, work)
      }
    }
  }
  const measureBacklog = async () => {
    const { pending, oldestSeconds, overdueSeconds } = await findBacklog(db)
    metrics.webhooksPending.set(pending)
    metrics.webhookOldestPendingSeconds.set(oldestSeconds)
    metrics.webhookOverdueSeconds.set(overdueSeconds)
  }
  const loops = [
    repeat(fanOut, everyMs(POLL_MS)),
    repeat(takeDue, () => bell.heardWithin(POLL_MS)),
    repeat(measureBacklog, everyMs(BACKLOG_EVERY_MS)),
    repeat(() => removeOldDeliveries(db, parts.ttlHours), everyMs(SWEEP_EVERY_MS)),
  ]
  return {
    wake: () => bell.ring(),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      bell.ring()
      await Promise.all(loops)
      const timer = setTimeout(() => cut.abort(), STOP_GRACE_MS)
      await Promise.all(onTheirWay.values())
      clearTimeout(timer)
    },
  }
}

/** Claimed → recorded. An attempt that is broken off is released; one that is lost with its process is repeated when its lease is over. */
async function deliver(
  parts: DelivererParts,
  delivery: ClaimedDelivery,
  claimedAt: number,
  signal: AbortSignal,
): Promise<void> {
  const { db, poster, metrics } = parts
  const body = await renderMessage(delivery, parts.describeRequest)
  if (body === undefined) {
    const error = 'The request has expired; nothing is left to tell of it.'
    const attempt = { at: new Date(), milliseconds: 0, statusCode: undefined, answer: undefined, error }
    await recordAttempt(db, delivery, attempt, { kind: 'failed' })
    metrics.webhookAttempts.inc({ outcome: 'failed' })
    return
  }
  const secrets = await findSecrets(db, delivery)
  // Rendering has waited for a database that was away: others may claim this soon.
  if (performance.now() - claimedAt > LATEST_START_SECONDS * 1000) return
  const attempt = await sendMessage(poster, delivery, body, secrets, signal).catch(async (error) => {
    await releaseDelivery(db, delivery)
    throw error
  })
  const delay = retryDelaySeconds(delivery.tries + 1, parts.retryDelaysSeconds ?? RETRY_DELAYS_SECONDS)
  const outcome = judge(attempt, delivery.event, delay)
  await recordAttempt(db, delivery, attempt, outcome)
  metrics.webhookAttempts.inc({ outcome: outcome.kind })
  metrics.webhookAttemptSeconds.observe(attempt.milliseconds / 1000)
}

async function findSecrets(db: Database, { accountId, secret, previousSecret }: ClaimedDelivery) {
  if (secret === null) return findAccountSecret(db, accountId)
  return { secret, previousSecret: previousSecret ?? undefined }
}

/** Lanes and accounts that have as much on its way as they may. */
function findBusy(deliveries: readonly ClaimedDelivery[]): { busyLanes: string[]; busyAccounts: string[] } {
  return {
    busyLanes: thoseWith(DELIVERIES_PER_LANE, deliveries.map(laneOf)),
    busyAccounts: thoseWith(
      DELIVERIES_PER_ACCOUNT,
      deliveries.map(({ accountId }) => accountId),
    ),
  }
}

function thoseWith(count: number, names: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].flatMap(([name, times]) => (times >= count ? [name] : []))
}

/** A bell that is heard also by who was busy when it rang. */
function createBell() {
  let rang = false
  let listener: (() => void) | undefined
  return {
    ring(): void {
      rang = true
      listener?.()
    },
    /** Resolves when it has rung since it was last heard, or after `ms`. */
    async heardWithin(ms: number): Promise<void> {
      if (!rang) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          listener = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        listener = undefined
      }
      rang = false
    },
  }
}
