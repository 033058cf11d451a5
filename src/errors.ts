// Every way a caller can be refused, as a closed list of codes. Knows nothing of HTTP: contract/errors.ts gives a code its status.

export const ERROR_CODES = [
  'malformed_request',
  'headers_too_large',
  'request_timeout',
  'invalid_json',
  'missing_parameter',
  'invalid_parameter',
  'text_too_long',
  'invalid_reference_audio',
  'missing_api_key',
  'invalid_api_key',
  'forbidden',
  'model_not_found',
  'not_found',
  'request_not_found',
  'not_completed',
  'pieces_unavailable',
  'credits_not_found',
  'method_not_allowed',
  'invalid_content_type',
  'insufficient_credits',
  'model_retired',
  'idempotency_conflict',
  'cancelled',
  'body_too_large',
  'range_not_satisfiable',
  'rate_limit_exceeded',
  'overloaded',
  'voice_limit_reached',
  'internal',
  'unavailable',
  'timeout',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface AppErrorOptions {
  /** The one field at fault, as the caller spells it. */
  readonly param?: string
  /** Seconds after which trying again makes sense; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number
  /** The request that this is about, where that is not the one that is answered: its result is found under this id. */
  readonly requestId?: string
  readonly cause?: unknown
}

/**
 * A refusal that the caller is meant to read. `message` is shown as it is: it says what to do and holds no path, SQL or stack.
 * Anything thrown that is not an AppError is a bug and reaches the caller as `internal`, without its message.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly param: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly requestId: string | undefined

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.param = options.param
    this.retryAfterSeconds = options.retryAfterSeconds
    this.requestId = options.requestId
  }
}

/** States something that must hold; a failure is our bug, is logged as such, and is never shown to a caller. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`${what}. This is a bug.`)
}

/** An error for the log. Not the whole object: database drivers hang values of the row, and so texts of callers, on theirs. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { thrown: typeof error }
  const { name, message, stack, cause } = error
  const code = (error as { code?: unknown }).code
  return { name, message, code, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) }
}
