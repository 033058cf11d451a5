// The caller's presence as an AbortSignal: whoever hangs up while the work is done stops it.
import type { FastifyReply } from 'fastify'

export class CallerGone extends Error {
  constructor() {
    super('The caller closed the connection.')
    this.name = 'CallerGone'
  }
}

export interface CallerWatch extends Disposable {
  /** Fires when the connection closes before the watch is disposed of. */
  readonly signal: AbortSignal
}

/** To be disposed of with the handler: work that outlives its answer (504) is not stopped by the caller's leaving afterwards. */
export function watchCaller(reply: FastifyReply): CallerWatch {
  const controller = new AbortController()
  const leave = () => controller.abort(new CallerGone())
  if (reply.raw.destroyed) leave()
  else reply.raw.once('close', leave)
  return { signal: controller.signal, [Symbol.dispose]: () => reply.raw.off('close', leave) }
}
