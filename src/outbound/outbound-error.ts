// Why something could not be fetched. The message may be shown to whoever sent the URL; the reason and the cause are for us.

export type OutboundReason =
  | 'url'
  | 'blocked'
  | 'unreachable'
  | 'certificate'
  | 'status'
  | 'redirects'
  | 'encoding'
  | 'too-large'
  | 'timeout'

/**
 * The message says what to change and names neither address nor port. It never tells an internal address from one that does not exist:
 * `blocked` and `unreachable` share their words, or the server would map the operator's network for its callers.
 */
export class OutboundError extends Error {
  readonly reason: OutboundReason

  constructor(reason: OutboundReason, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'OutboundError'
    this.reason = reason
  }
}

export const HOST_NOT_REACHED = 'URL could not be fetched: its host could not be reached.'
