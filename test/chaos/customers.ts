// Customers of a server that keeps dying: each orders speech, insists with the same idempotency key until it is served or refused,
// sometimes hangs up half-way, and keeps every receipt for the audit.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { MODEL_SLUG } from '../../src/contract/models.ts'
import type { References } from './references.ts'

export const FORMATS = ['wav', 'mp3', 'ogg', 'flac'] as const
const TEXTS = [
  'Hello there.',
  'The train leaves at nine.',
  'Is anybody home? [laugh] I thought so.',
  'One more time, please.',
  'It rains. It pours.',
]
const REFERENCE_KINDS = ['inline', 'upload', 'link', 'file', 'broken'] as const
// A server that comes back after a kill is up in two seconds, and the lease of a killed one runs out after thirty; but a customer may
// be hit several times, on a machine that has other things to do.
const GIVE_UP_AFTER_MS = 300_000
const RETRY_PAUSES_MS = [100, 200, 400, 800]
const PATIENCE_MS = 3000
const MAX_OPEN_ORDERS_EACH = 4

/** What the server said to one order, as far as it got through. */
export interface Receipt {
  readonly requestId: string
  readonly sha256: string
  readonly costMicro: number
  readonly replayed: boolean
}

export interface Order {
  readonly key: string
  readonly text: string
  readonly format: (typeof FORMATS)[number]
  readonly seed: number
  readonly reference: (typeof REFERENCE_KINDS)[number]
  readonly receipts: Receipt[]
  /** `refused`: by a 4xx. `abandoned`: hung up and never asked again, or still unanswered at the end. */
  outcome: 'open' | 'served' | 'refused' | 'abandoned'
}

export interface Customers extends Disposable {
  readonly orders: readonly Order[]
  /** Answers and failures by kind, e.g. `200`, `503 unavailable`, `no answer`. */
  readonly tally: ReadonlyMap<string, number>
  /** Answers that no kill excuses. */
  readonly complaints: readonly string[]
  /** No new orders; resolves when the open ones are settled. */
  finish(): Promise<void>
  /** Asks once more for everything that was served: every answer must be the same and say that it is a replay. */
  replayAll(): Promise<void>
}

export interface CustomersOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly references: References
  readonly count: number
  readonly random: () => number
}

export function startCustomers({ baseUrl, apiKey, references, count, random }: CustomersOptions): Customers {
  const orders: Order[] = []
  const tally = new Map<string, number>()
  const complaints: string[] = []
  let finishing = false
  let leaving = false
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const note = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)

  /** One try. Whatever is neither an answer for good nor worth another try is a complaint. */
  const ask = async (order: Order, signal?: AbortSignal): Promise<'served' | 'refused' | 'again'> => {
    let response: Response
    let bytes: Buffer
    try {
      const { headers, body } = references.encode(order)
      response = await fetch(`${baseUrl}/v1/${MODEL_SLUG}`, {
        method: 'POST',
        headers: { ...headers, 'x-api-key': apiKey, 'idempotency-key': order.key },
        body,
        ...(signal ? { signal } : {}),
      })
      bytes = Buffer.from(await response.arrayBuffer())
    } catch {
      note(signal?.aborted ? 'hung up' : 'no answer')
      return 'again'
    }
    if (response.status === 200) {
      note('200')
      order.receipts.push(readReceipt(response, bytes))
      return 'served'
    }
    const { code } = JSON.parse(bytes.toString()) as { code: string }
    note(`${response.status} ${code}`)
    if (response.status >= 500 || response.status === 429) return 'again'
    const expected = order.reference === 'broken' && code === 'invalid_reference_audio'
    if (!expected) complaints.push(`order ${order.key} (${order.reference}) was answered ${response.status}: ${bytes}`)
    return 'refused'
  }

  const insist = async (order: Order): Promise<void> => {
    const until = performance.now() + GIVE_UP_AFTER_MS
    for (let tries = 0; performance.now() < until && !leaving; tries++) {
      const answer = await ask(order)
      if (answer !== 'again') {
        order.outcome = answer
        return
      }
      await sleep(RETRY_PAUSES_MS[Math.min(tries, RETRY_PAUSES_MS.length - 1)])
    }
    order.outcome = 'abandoned'
    complaints.push(`order ${order.key} got no answer in ${GIVE_UP_AFTER_MS / 1000} s`)
  }

  const placeOrder = async (): Promise<void> => {
    const order: Order = {
      key: randomUUID(),
      text: pick(TEXTS),
      format: pick(FORMATS),
      seed: 1 + Math.floor(random() * 3),
      reference: pick(REFERENCE_KINDS),
      receipts: [],
      outcome: 'open',
    }
    orders.push(order)
    const mood = random()
    if (mood < 0.2) {
      const answer = await ask(order, AbortSignal.timeout(Math.floor(random() * 600)))
      if (answer !== 'again') order.outcome = answer
      else if (mood < 0.1) order.outcome = 'abandoned'
      else await insist(order)
    } else if (mood < 0.3) {
      // A double click: both want the same speech, once.
      await Promise.all([insist(order), insist(order)])
    } else await insist(order)
  }

  // Whose server died waits for its lease to run out; meanwhile the customer orders other things, or little would happen in a run.
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

  return {
    orders,
    tally,
    complaints,
    async finish() {
      finishing = true
      await all
    },
    [Symbol.dispose]() {
      finishing = true
      leaving = true
    },
    async replayAll() {
      for (const order of orders.filter(({ outcome }) => outcome === 'served')) {
        await insist(order)
        if (!order.receipts.at(-1)?.replayed)
          complaints.push(`order ${order.key} was served again, but not as a replay`)
      }
    },
  }
}

function readReceipt(response: Response, bytes: Buffer): Receipt {
  return {
    requestId: response.headers.get('x-request-id') ?? '',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    costMicro: Math.round(Number(response.headers.get('x-cost')) * 1e6),
    replayed: response.headers.get('idempotent-replayed') === 'true',
  }
}
