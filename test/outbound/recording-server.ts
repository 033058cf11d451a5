// A server at every loopback address of this machine that remembers which of them it was reached at.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

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
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    reachedAt,
    requests,
    async allClosed() {
      await Promise.all(sockets.map((socket) => socket.closed || new Promise((resolve) => socket.on('close', resolve))))
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
