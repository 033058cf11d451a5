// An HTTP server of a test's own, at a free port of this machine, that is gone when the test is done with it.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface LocalServer extends AsyncDisposable {
  readonly port: number
}

/** Listens. Disposing breaks off what is still connected. */
export async function listenLocally(server: Server | SecureServer, host = '127.0.0.1'): Promise<LocalServer> {
  server.listen(0, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
