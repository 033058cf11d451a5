// What a call of the client can fail with.
import type { ErrorBody } from '../contract/errors.ts'

/** The server's codes (docs/errors.md), and those of what never reached it or never came back whole. */
export type ChatterboxErrorCode =
  | ErrorBody['code']
  /** No answer: no network, no server, a connection that broke. */
  | 'unreachable'
  /** `timeoutSeconds` are over. */
  | 'client_timeout'
  /** A stream that ended before its end. What came of it is not the whole. */
  | 'broken_off'
  /** An answer that no server of ours gives, such as a proxy's page. */
  | 'unexpected_answer'

export interface ChatterboxErrorFacts {
  /** Of HTTP; 0: there was no answer. Of an error inside a stream: 200. */
  readonly status?: number
  readonly field?: string | undefined
  readonly requestId?: string | undefined
  readonly retryAfterSeconds?: number | undefined
  readonly cause?: unknown
}

/** `message` is in the server's words: for people, and says what to do. An aborted call throws its signal's reason instead. */
export class ChatterboxError extends Error {
  readonly code: ChatterboxErrorCode
  readonly status: number
  /** The one parameter at fault, where there is one. */
  readonly field: string | undefined
  /** For the server's log; after 504 and `client_timeout`, what to fetch the result by. */
  readonly requestId: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ChatterboxErrorCode, message: string, facts: ChatterboxErrorFacts = {}) {
    super(message, { cause: facts.cause })
    this.name = 'ChatterboxError'
    this.code = code
    this.status = facts.status ?? 0
    this.field = facts.field
    this.requestId = facts.requestId
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** What the server has refused. Never throws: a body that cannot be read is an `unexpected_answer`. */
export async function refusalOf(response: Response): Promise<ChatterboxError> {
  const body = (await response.json().catch(() => ({}))) as Partial<ErrorBody>
  const retryAfter = response.headers.get('retry-after')
  const retryAfterSeconds = retryAfter === null ? Number.NaN : Number(retryAfter)
  return new ChatterboxError(
    body.code ?? 'unexpected_answer',
    body.error ?? `The server answered ${response.status} ${response.statusText}`.trimEnd(),
    {
      status: response.status,
      field: body.param,
      requestId: body.request_id ?? response.headers.get('x-request-id') ?? undefined,
      retryAfterSeconds: retryAfterSeconds >= 0 ? retryAfterSeconds : undefined,
    },
  )
}
