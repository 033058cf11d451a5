// A customer of long texts: follows the events of a request over the deaths of gateways, and looks at its pieces.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DoneEvent, PieceEvent, PieceList } from '../../src/contract/long-text.ts'
import { call, mayAskAgain, readJson, type Shop } from './calls.ts'
import type { Order } from './orders.ts'

/** Of another opinion than the sum of rounded durations. */
const ROUNDING_SECONDS = 0.05

/**
 * Comes back with Last-Event-ID until `done`: every piece was told of once, in order, however many connections that took. Returns the pieces;
 * undefined: not before patience was over.
 */
export async function watchEvents(
  shop: Shop,
  order: Order,
  requestId: string,
  mayInsist: () => boolean,
): Promise<readonly PieceEvent[] | undefined> {
  const pieces: PieceEvent[] = []
  const complain = (what: string) => shop.complain(`the events of request ${requestId} of ${order.key} ${what}`)
  for (let connections = 1; mayInsist(); connections++) {
    const lastId = pieces.at(-1)?.index
    let done: DoneEvent | undefined
    for await (const { name, data } of readConnection(shop, requestId, lastId)) {
      if (name === 'done') done = data as DoneEvent
      if (name !== 'piece') continue
      const piece = data as PieceEvent
      const expected = pieces.length
      if (piece.index !== expected) complain(`told of piece ${piece.index} in place of ${expected}, last id ${lastId}`)
      pieces.push(piece)
    }
    if (!done) {
      await sleep(100)
      continue
    }
    shop.note(`events ${done.status} after ${connections === 1 ? 'one connection' : 'several connections'}`)
    if (done.status === 'COMPLETED') auditEvents(pieces, complain)
    return pieces
  }
  return undefined
}

function auditEvents(pieces: readonly PieceEvent[], complain: (what: string) => void): void {
  let atSeconds = 0
  for (const { index, pieces: count, start_seconds: start, duration_seconds: duration } of pieces) {
    if (count !== pieces.length) complain(`told of ${pieces.length} pieces and said ${count}`)
    if (Math.abs(start - atSeconds) > ROUNDING_SECONDS) complain(`put piece ${index} at ${start} s, not ${atSeconds} s`)
    atSeconds += duration
  }
}

interface ServerEvent {
  readonly name: string
  readonly data: unknown
}

/** Until it breaks; nothing where it was refused. */
async function* readConnection(
  { gatewayUrl, apiKey, note, complain }: Shop,
  requestId: string,
  lastId: number | undefined,
): AsyncGenerator<ServerEvent, void, void> {
  try {
    const headers = { 'x-api-key': apiKey, ...(lastId === undefined ? {} : { 'last-event-id': String(lastId) }) }
    const response = await fetch(`${gatewayUrl()}/v2/requests/${requestId}/events`, { headers })
    if (response.status !== 200) {
      const body = await response.text()
      note(`events ${response.status}`)
      if (response.status < 500 && response.status !== 429)
        complain(`events of ${requestId}: ${response.status} ${body}`)
      return
    }
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const name = /^event: (.*)$/m.exec(part)?.[1]
        const data = /^data: (.*)$/m.exec(part)?.[1]
        if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) }
      }
    }
  } catch {
    note('events broke off')
  }
}

/** Of a completed request; undefined: not before patience was over. */
export async function listPieces(
  shop: Shop,
  requestId: string,
  mayInsist: () => boolean,
): Promise<PieceList['pieces'] | undefined> {
  while (mayInsist()) {
    const answer = await call(shop, `/v2/requests/${requestId}/pieces`)
    if (answer?.status === 200) return (readJson(answer) as unknown as PieceList).pieces
    if (answer && !mayAskAgain(answer)) {
      shop.complain(`the pieces of request ${requestId} were answered ${answer.status}: ${answer.bytes}`)
      return undefined
    }
    await sleep(100)
  }
  return undefined
}
