// A model hub on this machine that speaks the real one's protocol: HEAD with checksums, redirects to another origin, ranges, and trouble on order.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const COMMIT = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'

/** What to do to the next requests of the storage or the hub, one entry a request. */
export type Trouble =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'break-after'; readonly bytes: number }
  | { readonly kind: 'ignore-range' }
  | { readonly kind: 'corrupt' }

export interface LocalHub extends AsyncDisposable {
  readonly endpoint: string
  /** Every request to either origin: `METHOD path range authorization`. */
  readonly requests: string[]
  readonly hubTrouble: Trouble[]
  readonly storageTrouble: Trouble[]
}

export interface LocalHubOptions {
  readonly repository: string
  readonly files: Readonly<Record<string, Uint8Array>>
  /** Names of those kept as large files: SHA-256, and a redirect to the storage. */
  readonly large: readonly string[]
  readonly token?: string
  /** A former name of the repository, which redirects. */
  readonly formerName?: string
}

export async function startLocalHub(options: LocalHubOptions): Promise<LocalHub> {
  const requests: string[] = []
  const hubTrouble: Trouble[] = []
  const storageTrouble: Trouble[] = []
  const note = (where: string, { method, url, headers }: IncomingMessage) =>
    requests.push([where, method, url, headers.range ?? '-', headers.authorization ?? '-'].join(' '))

  const storage = createServer((request, response) => {
    note('storage', request)
    const content = options.files[decodeURIComponent((request.url ?? '').slice(1))]
    if (content) sendContent(request, response, content, storageTrouble.shift())
    else response.writeHead(404).end()
  })
  const storageOrigin = await listen(storage)
  const hub = createServer((request, response) => {
    note('hub', request)
    answerHub(options, storageOrigin, hubTrouble.shift(), request, response)
  })
  const endpoint = await listen(hub)
  return {
    endpoint,
    requests,
    hubTrouble,
    storageTrouble,
    async [Symbol.asyncDispose]() {
      for (const server of [hub, storage]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

function answerHub(
  { repository, files, large, token, formerName }: LocalHubOptions,
  storageOrigin: string,
  trouble: Trouble | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (trouble?.kind === 'status') return void sendTrouble(response, trouble)
  if (token && request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end()
  const [, owner, name, , revision, file = ''] = (request.url ?? '').split('/')
  if (`${owner}/${name}` === formerName)
    return void response.writeHead(307, { location: `/${repository}/resolve/${revision}/${file}` }).end()
  const content = files[decodeURIComponent(file)]
  const known = `${owner}/${name}` === repository && ['main', COMMIT].includes(revision ?? '')
  if (!content || !known) return void response.writeHead(404).end()
  response.setHeader('x-repo-commit', COMMIT)
  if (large.includes(file)) {
    response.setHeader('x-linked-etag', `"${createHash('sha256').update(content).digest('hex')}"`)
    response.setHeader('x-linked-size', content.length)
    return void response.writeHead(302, { location: `${storageOrigin}/${file}` }).end()
  }
  const blob = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  response.setHeader('etag', `"${blob}"`)
  sendContent(request, response, content, trouble)
}

function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Uint8Array,
  trouble: Trouble | undefined,
): void {
  if (trouble?.kind === 'status') return void sendTrouble(response, trouble)
  const begin =
    trouble?.kind === 'ignore-range' ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (begin > 0 && begin >= content.length) return void response.writeHead(416).end()
  const body = Buffer.from(content.subarray(begin))
  if (trouble?.kind === 'corrupt') body.writeUInt8(body.readUInt8(0) ^ 1, 0)
  if (begin > 0) response.setHeader('content-range', `bytes ${begin}-${content.length - 1}/${content.length}`)
  response.writeHead(begin > 0 ? 206 : 200, { 'content-length': body.length })
  if (request.method === 'HEAD') return void response.end()
  if (trouble?.kind !== 'break-after') return void response.end(body)
  // A closed, not a reset connection: what was sent before arrives.
  response.write(body.subarray(0, trouble.bytes), () => request.socket.end())
}

const sendTrouble = (response: ServerResponse, { status, retryAfter }: Trouble & { readonly kind: 'status' }): void =>
  void response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end()

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
