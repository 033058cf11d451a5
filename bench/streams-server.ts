// The server of streams.bench.ts, in a process of its own: the whole of it, with an engine that costs nothing and that waits, after the first
// piece of every text, until it is told to go on. Started with `--expose-gc`, and an IPC channel.
import { setMaxListeners } from 'node:events'
import { readConfig } from '../src/config.ts'
import { createLog } from '../src/log.ts'
import { startServer } from '../src/main.ts'
import { createToneEngine } from '../test/harness/tone-engine.ts'

export type Order = 'hold' | 'release' | 'read' | 'stop'
export interface ServerReading {
  readonly rssMb: number
  readonly heapUsedMb: number
  readonly handles: number
  readonly sockets: number
}

let letOn = () => {}
let opened = Promise.resolve()
const hold = () => {
  opened = new Promise((resolve) => {
    letOn = resolve
  })
}
const engine = createToneEngine(async ({ index }, _chunk, signal) => {
  setMaxListeners(0, signal)
  if (index === 0) return
  await Promise.race([opened, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
}, 4)
const config = readConfig()
const server = await startServer(config, createLog({ LOG_LEVEL: 'error', LOG_FORMAT: 'json' }), { engine })

const read = (): ServerReading => {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  const handles = process.getActiveResourcesInfo()
  const sockets = handles.filter((name) => name === 'TCPSocketWrap').length
  const toMb = (bytes: number) => Math.round(bytes / 2 ** 17) / 8
  return { rssMb: toMb(rss), heapUsedMb: toMb(heapUsed), handles: handles.length, sockets }
}
process.on('message', async (order: Order) => {
  if (order === 'hold') hold()
  if (order === 'release') letOn()
  if (order !== 'stop') return process.send?.(order === 'read' ? read() : { done: order })
  await server[Symbol.asyncDispose]()
  process.exit(0)
})
process.send?.({ url: server.url })
