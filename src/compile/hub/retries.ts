// Sends a request again while that may help: too many requests, a server in trouble, a broken connection.
import { setTimeout as delay } from 'node:timers/promises'
import { HubError } from './hub-error.ts'

export interface RetryOptions {
  /** Told before each wait. */
  readonly onRetry?: (reason: string, waitMs: number) => void
  /** First wait; doubled each time. A server that says how long to wait is believed instead. */
  readonly firstWaitMs?: number
}

/** A transfer that broke off; what has arrived is kept. With `progressed`, attempts are counted anew. */
export class TransferError extends Error {
  readonly progressed: boolean

  constructor(message: string, progressed = false, options: ErrorOptions = {}) {
    super(message, options)
    this.progressed = progressed
  }
}

/** In a row without any progress: with waits of 1, 2, 4 … s that is two minutes. */
const MAX_ATTEMPTS = 8
/** A hub that wants more is not worth waiting for. */
const MAX_WAIT_MS = 5 * 60_000

/** Answers below 500 other than 429 are returned as they are. Throws HubError when all attempts are used up. */
export async function sendWithRetries(
  send: () => Promise<Response>,
  { onRetry, firstWaitMs = 1000 }: RetryOptions,
  signal: AbortSignal,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(send, signal)
    if (outcome.response) return outcome.response
    if (outcome.cause instanceof TransferError && outcome.cause.progressed) attempt = 1
    const waitMs = outcome.retryAfterMs ?? firstWaitMs * 2 ** (attempt - 1)
    if (attempt === MAX_ATTEMPTS || waitMs > MAX_WAIT_MS)
      throw new HubError(
        `The download failed: ${outcome.reason}. What has arrived is kept; the same command continues.`,
        {
          cause: outcome.cause,
        },
      )
    onRetry?.(outcome.reason, waitMs)
    await delay(waitMs, undefined, { signal })
  }
}

interface Outcome {
  readonly response?: Response
  readonly reason: string
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

async function tryOnce(send: () => Promise<Response>, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await send()
    if (response.status !== 429 && response.status < 500) return { response, reason: '' }
    await response.body?.cancel()
    return { reason: `the hub answered ${response.status}`, retryAfterMs: retryAfterMs(response) }
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof TransferError) return { reason: cause.message, cause }
    // undici's word for a host that is not there, refuses or breaks the connection.
    if (cause instanceof TypeError) return { reason: `the hub cannot be reached (${reasonOf(cause)})`, cause }
    throw cause
  }
}

const reasonOf = ({ cause, message }: Error): string => (cause instanceof Error ? cause.message : message)

/** `Retry-After` in seconds or as a date. */
function retryAfterMs({ headers }: Response): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined
}
