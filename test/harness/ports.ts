// A port for a program that has to be told one.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Was free on 127.0.0.1 a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
