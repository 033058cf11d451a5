// A customer who hears speech while it is made, in chunks or as events, over a connection that may break at any byte: kept is how far it came,
// and whether it looked complete.
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { MODEL_SLUG } from '../../src/contract/models.ts'
import { type Answer, type Decision, readRefusal, type Shop } from './calls.ts'
import type { Order } from './orders.ts'

interface Heard {
  readonly response: IncomingMessage
  readonly bytes: Buffer
  /** HTTP has said that it was all. */
  readonly isComplete: boolean
}

/** One try. A stream that breaks is asked for again, from the beginning and with the same key. */
export async function listenTo(shop: Shop, order: Order, signal?: AbortSignal): Promise<Decision> {
  const how: Record<string, string | boolean> = {
    ...(order.asEvents ? { stream_format: 'sse' } : { stream: true }),
    ...(order.latency ? { latency: order.latency } : {}),
  }
  const { headers, body } = shop.references.encode(order, how)
  const written = new Request('http://gateway', { method: 'POST', headers, body }) // writes forms as fetch would
  const heard = await hear(`${shop.gatewayUrl()}/v1/${MODEL_SLUG}`, Buffer.from(await written.arrayBuffer()), {
    headers: {
      'x-api-key': shop.apiKey,
      'idempotency-key': order.key,
      'content-type': written.headers.get('content-type') ?? '',
    },
    signal,
  })
  if (!heard) {
    shop.note(signal?.aborted ? 'hung up' : 'no answer')
    return 'again'
  }
  const { response, bytes, isComplete } = heard
  const status = response.statusCode ?? 0
  if (status !== 200) {
    if (isComplete) return readRefusal(shop, order, { status, headers: new Headers(), bytes } satisfies Answer)
    shop.note('no answer')
    return 'again'
  }
  return keep(shop, order, order.asEvents ? readEvents(shop, heard) : readChunks(heard), response)
}

interface Played {
  readonly sound: Buffer
  readonly whole: boolean
  /** In dollars; known at the end. */
  readonly cost: number
}

function keep(shop: Shop, order: Order, { sound, whole, cost }: Played, { headers }: IncomingMessage): Decision {
  const requestId = String(headers['x-request-id'])
  order.sounds.push({ requestId, bytes: sound, whole })
  shop.note(`stream ${whole ? 'whole' : 'broken'}`)
  if (!whole) return 'again'
  const replayed = headers['idempotent-replayed'] === 'true'
  order.receipts.push({ requestId, costMicro: Math.round(cost * 1e6), replayed })
  return 'served'
}

const readChunks = ({ response, bytes, isComplete }: Heard): Played => ({
  sound: bytes,
  whole: isComplete,
  cost: Number(response.trailers['x-cost']),
})

/** Of the last event there may be a part only, which does not count. */
function readEvents(shop: Shop, { bytes }: Heard): Played {
  const whole: Buffer[] = []
  for (const written of bytes.toString().split('\n\n').slice(0, -1)) {
    const data = /^data: (.*)$/m.exec(written)?.[1]
    if (data === undefined) continue // a comment that keeps the connection alive
    const event = JSON.parse(data) as { type: string; audio?: string; cost?: number; code?: string }
    if (event.type === 'speech.audio.delta') whole.push(Buffer.from(event.audio ?? '', 'base64'))
    if (event.type === 'speech.audio.done')
      return { sound: Buffer.concat(whole), whole: true, cost: Number(event.cost) }
    if (event.type === 'error') {
      shop.note(`stream error ${event.code}`)
      if (event.code === 'internal') shop.complain(`a stream was ended by ${data}`)
    }
  }
  return { sound: Buffer.concat(whole), whole: false, cost: Number.NaN }
}

/** undefined: there was no answer, or nobody waited for it. */
function hear(
  url: string,
  body: Buffer,
  { headers, signal }: { readonly headers: Record<string, string>; readonly signal: AbortSignal | undefined },
): Promise<Heard | undefined> {
  return new Promise((resolve) => {
    const request = httpRequest(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      agent: false,
      ...(signal ? { signal } : {}),
    })
    request.on('error', () => resolve(undefined)) // after an answer has begun, its end was resolved already
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => {})
      response.on('close', () => resolve({ response, bytes: Buffer.concat(chunks), isComplete: response.complete }))
    })
    request.end(body)
  })
}
