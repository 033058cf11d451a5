// The reference recordings of the orders, sent in every way the contract knows.
import { createServer } from 'node:http'
import { listenLocally } from '../harness/local-server.ts'
import type { Order } from './orders.ts'

export interface EncodedOrder {
  readonly headers: Record<string, string>
  readonly body: string | FormData
}

export interface References extends AsyncDisposable {
  /** The body of an order and the header that goes with it; `more` are further parameters. */
  encode(order: Order, more?: Readonly<Record<string, string | boolean>>): EncodedOrder
}

/**
 * `recording` is a file that can be cloned. It is uploaded once, added as a voice once, and served from `host`, an address of this machine, for references by
 * URL.
 */
export async function prepareReferences(
  baseUrl: string,
  apiKey: string,
  recording: Uint8Array,
  host = '127.0.0.1',
): Promise<References> {
  const inline = `data:audio/wav;base64,${Buffer.from(recording).toString('base64')}`
  const site = createServer((request, response) => {
    if (request.url === '/me.wav') response.writeHead(200, { 'content-type': 'audio/wav' }).end(recording)
    else response.writeHead(404).end()
  })
  const local = await listenLocally(site, host)
  const siteUrl = `http://${host}:${local.port}`
  const urls: Record<Exclude<Order['reference'], 'file'>, string> = {
    inline,
    upload: await upload(baseUrl, apiKey, inline),
    link: `${siteUrl}/me.wav`,
    voice: await addVoice(baseUrl, apiKey, inline),
    broken: `${siteUrl}/gone.wav`,
  }
  return {
    encode({ text, format, seed, reference }, more = {}): EncodedOrder {
      if (reference !== 'file') {
        const body = { text, seed, output_format: format, reference_audio: urls[reference], ...more }
        return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      }
      const body = new FormData()
      for (const [name, value] of Object.entries({ text, seed: String(seed), output_format: format, ...more }))
        body.set(name, String(value))
      body.set('reference_audio', new Blob([Uint8Array.from(recording)], { type: 'audio/wav' }), 'me.wav')
      return { headers: {}, body }
    },
    [Symbol.asyncDispose]: local[Symbol.asyncDispose],
  }
}

async function addVoice(baseUrl: string, apiKey: string, dataUri: string): Promise<string> {
  const response = await fetch(`${baseUrl}/v1/voices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
    body: JSON.stringify({ name: 'Ada', consent: true, reference_audio: dataUri }),
  })
  const { reference_audio: voice } = (await response.json()) as { reference_audio?: string }
  if (!voice) throw new Error(`The voice was answered with ${response.status}.`)
  return voice
}

async function upload(baseUrl: string, apiKey: string, dataUri: string): Promise<string> {
  const response = await fetch(`${baseUrl}/v1/upload-asset`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
    body: JSON.stringify({ data_urls: [dataUri] }),
  })
  const { urls = [] } = (await response.json()) as { urls?: string[] }
  if (!urls[0]) throw new Error(`The upload was answered with ${response.status}.`)
  return urls[0]
}
