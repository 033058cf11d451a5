// Customers of a service that keeps dying: each orders speech, insists with the same idempotency key until it is served or refused,
// sometimes hangs up half-way, cancels or never comes back, and keeps every receipt for the audit.
import { setTimeout as sleep } from 'node:timers/promises'
import { cancel, change, type Decision, follow, type Shop, speakNow, submit } from './calls.ts'
import { listPieces, watchEvents } from './long-texts.ts'
import { makeChange, makeOrder, type Order, type OrderChances } from './orders.ts'
import { listenTo } from './streams.ts'

// After the last kill. A lease runs out after fifteen seconds, an async job may have several left to lose, and the machine may have other
// things to do.
const GIVE_UP_AFTER_MS = 240_000
const RETRY_PAUSES_MS = [100, 200, 400, 800]
const PATIENCE_MS = 2000
const MAX_OPEN_ORDERS_EACH = 8
const REPLAYS_AT_ONCE = 6

export interface Customers extends Disposable {
  readonly orders: readonly Order[]
  /** Answers and failures by kind. */
  readonly tally: ReadonlyMap<string, number>
  /** Answers that no kill excuses. */
  readonly complaints: readonly string[]
  /** Orders that were served so far. */
  readonly served: number
  /** No new orders; resolves when the open ones are settled. */
  finish(): Promise<void>
  /** Asks once more for everything that was served: every answer must be the same and say that it is a replay. */
  replayAll(): Promise<void>
}

export interface CustomersOptions extends Omit<Shop, 'note' | 'complain'>, OrderChances {
  readonly count: number
}

export function startCustomers({ count, random, withPoison, texts, ...place }: CustomersOptions): Customers {
  const orders: Order[] = []
  const tally = new Map<string, number>()
  const complaints: string[] = []
  let finishing = false
  let giveUpAt = Number.POSITIVE_INFINITY
  const mayInsist = () => performance.now() < giveUpAt && !leaving
  let leaving = false
  const shop: Shop = {
    ...place,
    note: (what) => tally.set(what, (tally.get(what) ?? 0) + 1),
    complain: (what) => complaints.push(what),
  }

  const submitAndFollow = async (order: Order): Promise<Decision> => {
    const accepted = await (order.changes ? change(shop, order, order.changes) : submit(shop, order))
    if (typeof accepted === 'string') return accepted
    if (order.api === 'long') await watchEvents(shop, order, accepted.requestId, mayInsist)
    return follow(shop, order, accepted, mayInsist)
  }
  const tryOnce = (order: Order): Promise<Decision> => {
    if (order.api === 'v1') return speakNow(shop, order)
    return order.api === 'stream' ? listenTo(shop, order) : submitAndFollow(order)
  }
  const insist = async (order: Order): Promise<void> => {
    for (let tries = 0; mayInsist(); tries++) {
      const decision = await tryOnce(order)
      if (decision === 'cancelled') complaints.push(`order ${order.key} was cancelled by nobody`)
      if (decision !== 'again') {
        order.outcome = decision
        return
      }
      await sleep(RETRY_PAUSES_MS[Math.min(tries, RETRY_PAUSES_MS.length - 1)])
    }
    order.outcome = 'abandoned'
    complaints.push(`order ${order.key} got no answer in ${GIVE_UP_AFTER_MS / 1000} quiet seconds`)
  }
  /** Leaves in the middle of the first try, whatever has come of it by then. */
  const hangUp = async (order: Order): Promise<Decision> => {
    const gone = AbortSignal.timeout(Math.floor(random() * 600))
    if (order.api === 'v1') return speakNow(shop, order, gone)
    if (order.api === 'stream') return listenTo(shop, order, AbortSignal.timeout(Math.floor(random() * 2000)))
    const accepted = await submit(shop, order, gone)
    return typeof accepted === 'string' ? accepted : 'again'
  }
  const changeMind = async (order: Order): Promise<void> => {
    const accepted = await submit(shop, order)
    if (typeof accepted === 'string') return insist(order)
    await sleep(random() * 500)
    await cancel(shop, order, accepted.requestId, mayInsist)
    const decision = await follow(shop, order, accepted, mayInsist)
    order.outcome = decision === 'again' ? 'abandoned' : decision
  }

  /** One piece of what was served, with whatever random numbers: half of the time with those that it has. */
  const changePiece = async (source: Order): Promise<void> => {
    const requestId = source.receipts.at(-1)?.requestId
    if (requestId === undefined) return
    const pieces = (await listPieces(shop, requestId, mayInsist)) ?? []
    const index = Math.floor(random() * pieces.length)
    const { text } = pieces[index] ?? {}
    if (text === undefined) return
    const order = makeChange({ order: source, requestId, index }, text, random() < 0.5 ? source.seed : source.seed + 1)
    orders.push(order)
    await insist(order)
  }

  const placeOrder = async (): Promise<void> => {
    const order = makeOrder({ random, withPoison, texts })
    orders.push(order)
    const mood = random()
    if (mood < 0.2) {
      const decision = await hangUp(order)
      if (decision !== 'again') order.outcome = decision
      else if (mood < 0.1) order.outcome = 'abandoned'
      else await insist(order)
    } else if (mood < 0.3) {
      // A double click: both want the same speech, once.
      await Promise.all([insist(order), insist(order)])
    } else if (mood < 0.45 && (order.api === 'v2' || order.api === 'long')) await changeMind(order)
    else await insist(order)
    if (order.api === 'long' && order.outcome === 'served') await changePiece(order)
  }

  // Whose worker died waits for its lease to run out; meanwhile the customer orders other things, or little would happen in a run.
  const customer = async (): Promise<void> => {
    const pending = new Set<Promise<void>>()
    while (!finishing) {
      const order = placeOrder().finally(() => pending.delete(order))
      pending.add(order)
      await Promise.race([order, sleep(PATIENCE_MS)])
      if (pending.size >= MAX_OPEN_ORDERS_EACH) await Promise.race(pending)
    }
    await Promise.all(pending)
  }
  const all = Promise.all(Array.from({ length: count }, customer))
  const served = () => orders.filter(({ outcome }) => outcome === 'served')

  return {
    orders,
    tally,
    complaints,
    get served() {
      return served().length
    },
    async finish() {
      finishing = true
      giveUpAt = performance.now() + GIVE_UP_AFTER_MS
      await all
    },
    [Symbol.dispose]() {
      finishing = true
      leaving = true
    },
    async replayAll() {
      giveUpAt = performance.now() + GIVE_UP_AFTER_MS
      const again = served()
      const clerk = async () => {
        for (let order = again.pop(); order; order = again.pop()) {
          await insist(order)
          if (!order.receipts.at(-1)?.replayed)
            complaints.push(`order ${order.key} was served again, but not as a replay`)
        }
      }
      await Promise.all(Array.from({ length: REPLAYS_AT_ONCE }, clerk))
    },
  }
}
