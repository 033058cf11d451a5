// What a customer can say to the service: every call goes to whichever gateway, and may be lost with it.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { MODEL_SLUG } from '../../src/contract/models.ts'
import { isPoison, type Order, type PieceToChange, type Receipt } from './orders.ts'
import type { References } from './references.ts'

export interface Shop {
  /** Of any gateway, whether it runs at the moment or not. */
  gatewayUrl(): string
  readonly apiKey: string
  readonly references: References
  /** Where v2 orders have their webhooks sent. */
  readonly webhookUrl: string
  /** Counts answers and failures by kind, e.g. `v1 200`, `v2 503 unavailable`, `no answer`. */
  note(what: string): void
  /** For an answer that no kill excuses. */
  complain(what: string): void
}

/** `again`: nothing is decided. */
export type Decision = 'served' | 'refused' | 'cancelled' | 'again'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

const WAIT_SECONDS = 3

/** undefined: there was no answer. */
export async function call(shop: Shop, path: string, init: RequestInit = {}): Promise<Answer | undefined> {
  try {
    const headers = { 'x-api-key': shop.apiKey, ...(init.headers as Record<string, string> | undefined) }
    const response = await fetch(`${shop.gatewayUrl()}${path}`, { ...init, headers })
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
  } catch {
    shop.note(init.signal?.aborted ? 'hung up' : 'no answer')
    return undefined
  }
}

export const readJson = (answer: Answer) => JSON.parse(answer.bytes.toString()) as Record<string, unknown>
export const mayAskAgain = ({ status }: Answer): boolean => status >= 500 || status === 429

function post(shop: Shop, api: 'v1' | 'v2', order: Order, more: Record<string, string>, signal?: AbortSignal) {
  const { headers, body } = shop.references.encode(order, more)
  return call(shop, `/${api}/${MODEL_SLUG}`, {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': order.key },
    body,
    ...(signal ? { signal } : {}),
  })
}

/** One try on v1. */
export async function speakNow(shop: Shop, order: Order, signal?: AbortSignal): Promise<Decision> {
  const answer = await post(shop, 'v1', order, {}, signal)
  if (!answer) return 'again'
  if (answer.status === 200) {
    shop.note('v1 200')
    const { headers, bytes } = answer
    order.receipts.push({
      requestId: headers.get('x-request-id') ?? '',
      sha256: sha256Of(bytes),
      costMicro: Math.round(Number(headers.get('x-cost')) * 1e6),
      replayed: headers.get('idempotent-replayed') === 'true',
    })
    return 'served'
  }
  return readRefusal(shop, order, answer)
}

/** What an answer of v1 that is none of 200 means. */
export function readRefusal(shop: Shop, order: Order, answer: Answer): Decision {
  const { code, error } = readJson(answer)
  shop.note(`${order.api} ${answer.status} ${code}`)
  if (isPoison(order) && /could not be finished in/.test(String(error))) return 'refused'
  if (mayAskAgain(answer)) return 'again'
  return refuse(shop, order, String(code), answer)
}

function refuse(shop: Shop, order: Order, code: string, answer: Answer): 'refused' {
  const expected = order.reference === 'broken' && code === 'invalid_reference_audio'
  if (!expected) shop.complain(`order ${order.key} (${order.reference}) was answered ${answer.status}: ${answer.bytes}`)
  return 'refused'
}

export interface Accepted {
  readonly requestId: string
  readonly replayed: boolean
}

/** One try to submit on v2. */
export async function submit(shop: Shop, order: Order, signal?: AbortSignal): Promise<Accepted | Decision> {
  const early: Record<string, string> = order.latency ? { latency: order.latency } : {}
  return readAccepted(shop, order, await post(shop, 'v2', order, { webhook_url: shop.webhookUrl, ...early }, signal))
}

/** One try to have a piece spoken again. */
export async function change(
  shop: Shop,
  order: Order,
  { requestId, index }: PieceToChange,
): Promise<Accepted | Decision> {
  const answer = await call(shop, `/v2/requests/${requestId}/pieces/${index}/regenerate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': order.key },
    body: JSON.stringify({ seed: order.seed }),
  })
  return readAccepted(shop, order, answer)
}

function readAccepted(shop: Shop, order: Order, answer: Answer | undefined): Accepted | Decision {
  if (!answer) return 'again'
  const { request_id: requestId, code } = readJson(answer)
  shop.note(`${order.api} ${answer.status} ${code ?? 'accepted'}`)
  if (answer.status === 200)
    return { requestId: String(requestId), replayed: answer.headers.get('idempotent-replayed') === 'true' }
  return mayAskAgain(answer) ? 'again' : refuse(shop, order, String(code), answer)
}

/** Polls a request until it has ended and fetches what it has made. `again`: it failed for reasons that are not the order's. */
export async function follow(
  shop: Shop,
  order: Order,
  { requestId, replayed }: Accepted,
  mayInsist: () => boolean,
): Promise<Decision> {
  while (mayInsist()) {
    const answer = await call(shop, `/v2/requests/${requestId}/status?wait=${WAIT_SECONDS}`)
    if (!answer || mayAskAgain(answer)) {
      await sleep(100)
      continue
    }
    const { status, code } = readJson(answer)
    if (answer.status === 200 && status === 'COMPLETED') {
      order.toldEnds.push({ requestId, state: 'completed' })
      const receipt = await fetchResult(shop, order, requestId, replayed)
      if (!receipt) continue
      order.receipts.push(receipt)
      shop.note(`${order.api} served`)
      return 'served'
    }
    if (answer.status === 200) continue
    if (answer.status !== 422) {
      shop.complain(
        `request ${requestId} of ${order.key}, which was accepted, was answered ${answer.status}: ${answer.bytes}`,
      )
      return 'refused'
    }
    shop.note(`${order.api} failed ${code}`)
    order.toldEnds.push({ requestId, state: code === 'cancelled' ? 'cancelled' : 'failed' })
    if (code === 'cancelled') return 'cancelled'
    if (code === 'unavailable') return isPoison(order) ? 'refused' : 'again'
    return refuse(shop, order, String(code), answer)
  }
  return 'again'
}

/** undefined: not this time. */
async function fetchResult(
  shop: Shop,
  order: Order,
  requestId: string,
  replayed: boolean,
): Promise<Receipt | undefined> {
  const answer = await call(shop, `/v2/requests/${requestId}`)
  if (answer?.status !== 200) return undefined
  const { output, metrics } = readJson(answer) as { output?: string; metrics: { cost: number } }
  if (output === undefined) {
    shop.complain(`request ${requestId} was COMPLETED and has no output: ${answer.bytes}`)
    return undefined
  }
  const { pathname, search } = new URL(output) // the gateway that has named it may be gone: any other has it as well
  const file = await call(shop, `${pathname}${search}`)
  if (!file || mayAskAgain(file)) return undefined
  if (file.status !== 200)
    shop.complain(`the output of request ${requestId} was answered ${file.status}: ${file.bytes}`)
  if (order.api === 'long' || order.api === 'piece') order.sounds.push({ requestId, bytes: file.bytes, whole: true })
  return { requestId, sha256: sha256Of(file.bytes), costMicro: Math.round(metrics.cost * 1e6), replayed }
}

/** Asks for a cancellation until an answer has come. */
export async function cancel(shop: Shop, order: Order, requestId: string, mayInsist: () => boolean): Promise<void> {
  const states = { CANCELLED: 'cancelled', COMPLETED: 'completed', FAILED: 'failed' } as const
  while (mayInsist()) {
    const answer = await call(shop, `/v2/requests/${requestId}`, { method: 'DELETE' })
    if (answer && !mayAskAgain(answer)) {
      const { status } = readJson(answer)
      shop.note(`v2 DELETE ${answer.status} ${status}`)
      const state = states[status as keyof typeof states]
      if (answer.status !== 200)
        shop.complain(`DELETE of request ${requestId} was answered ${answer.status}: ${answer.bytes}`)
      if (state) order.toldEnds.push({ requestId, state })
      return
    }
    await sleep(100)
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
