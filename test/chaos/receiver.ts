// A customer's own server, which webhooks are sent to: it keeps every message and does not always answer as it should.
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenLocally } from '../harness/local-server.ts'

export interface Message {
  /** The `webhook-id`. */
  readonly id: string
  /** Those that the signature needs. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether the sender was told that it has arrived. */
  readonly accepted: boolean
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly messages: readonly Message[]
  /** From now on every message is accepted. */
  behave(): void
}

export async function startReceiver(random: () => number, host = '127.0.0.1'): Promise<Receiver> {
  const messages: Message[] = []
  let behaves = false
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined)
    if (body === undefined) return // its sender was killed half-way
    const mood = behaves ? 1 : random()
    messages.push({
      id: String(request.headers['webhook-id']),
      headers: headersOf(request),
      body,
      accepted: mood >= 0.15,
    })
    if (mood < 0.05) response.destroy()
    else response.writeHead(mood < 0.15 ? 503 : 204).end()
  })
  const local = await listenLocally(server, host)
  return {
    url: `http://${host}:${local.port}/told`,
    messages,
    behave() {
      behaves = true
    },
    [Symbol.asyncDispose]: local[Symbol.asyncDispose],
  }
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, String(headers[name])]),
  )
