// A server at every loopback address of this machine that remembers which of them it was reached at.
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { listenLocally } from '../harness/local-server.ts'

export interface RecordingServer extends AsyncDisposable {
  readonly port: number
  /** The address each connection came in at, in order. */
  readonly reachedAt: readonly string[]
  readonly requests: readonly http.IncomingMessage[]
  /** Resolves when the other side has closed every connection there was. */
  allClosed(): Promise<void>
}

export async function startServer(
  handler: http.RequestListener,
  tls?: { cert: string; key: string },
): Promise<RecordingServer> {
  const server = tls ? https.createServer(tls, handler) : http.createServer(handler)
  const sockets: Socket[] = []
  const reachedAt: string[] = []
  const requests: http.IncomingMessage[] = []
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    reachedAt.push(socket.localAddress ?? '')
    socket.on('error', () => {})
  })
  server.on('request', (request) => requests.push(request))
  const local = await listenLocally(server, '0.0.0.0')
  return {
    port: local.port,
    reachedAt,
    requests,
    async allClosed() {
      await Promise.all(sockets.map((socket) => socket.closed || new Promise((resolve) => socket.on('close', resolve))))
    },
    [Symbol.asyncDispose]: local[Symbol.asyncDispose],
  }
}
