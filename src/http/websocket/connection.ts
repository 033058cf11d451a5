// One WebSocket: what is sent waits until it is on its way, who does not answer is gone, who says nothing for long is sent away.
import type { WebSocket } from '@fastify/websocket'
import { CallerGone } from '../caller-gone.ts'

/** From opening to the message that says who is there and what they want. */
const START_WITHIN_MS = 10_000
const PINGS_IN_IDLE_TIME = 6

export interface ConnectionOptions {
  readonly idleMs: number
  /** Work goes on: the silence of the caller is no idleness. */
  readonly isBusy: () => boolean
  readonly onIdle: () => void
  readonly hasStarted: () => boolean
  readonly onNeverStarted: () => void
}

export class Connection {
  readonly #socket: WebSocket
  readonly #gone = new AbortController()
  #activeAtMs = performance.now()

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket
    let answered = true
    const pings = setInterval(() => {
      if (!answered) return socket.terminate()
      answered = false
      socket.ping()
      if (options.isBusy()) this.#activeAtMs = performance.now()
      else if (performance.now() - this.#activeAtMs > options.idleMs) options.onIdle()
    }, options.idleMs / PINGS_IN_IDLE_TIME)
    const start = setTimeout(() => {
      if (!options.hasStarted()) options.onNeverStarted()
    }, START_WITHIN_MS)
    socket.on('pong', () => {
      answered = true
    })
    socket.once('close', () => {
      clearInterval(pings)
      clearTimeout(start)
      this.#gone.abort(new CallerGone())
    })
  }

  /** Fires when the connection has ended, whoever has ended it. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** The caller said something. */
  touch(): void {
    this.#activeAtMs = performance.now()
  }

  /** Resolves when it has left this process: whoever reads slowly is sent slowly. Rejects when the caller is gone. */
  send(data: object | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#gone
      if (signal.aborted) return reject(signal.reason)
      const leave = () => reject(signal.reason)
      signal.addEventListener('abort', leave, { once: true })
      this.#socket.send(data instanceof Uint8Array ? data : JSON.stringify(data), (error) => {
        signal.removeEventListener('abort', leave)
        if (error) reject(new CallerGone())
        else resolve()
      })
    })
  }

  /** What was sent before arrives first. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }
}
