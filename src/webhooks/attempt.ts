// One attempt at one delivery: render, sign, send, and judge the answer. Writes nothing.
import { createPoster, type Posted, type Poster } from '../outbound/guarded-post.ts'
import { OutboundError, type OutboundReason } from '../outbound/outbound-error.ts'
import type { Attempt, ClaimedDelivery, Outcome } from './deliveries.ts'
import type { SigningSecrets } from './secrets.ts'
import { signatureHeaders } from './signature.ts'

const ATTEMPT_TIMEOUT_SECONDS = 10
/** Of the answer; enough to see what went wrong. */
const MAX_ANSWER_BYTES = 1024

const NO_ANSWER: Readonly<Partial<Record<OutboundReason, string>>> = {
  blocked: 'Its host could not be reached.',
  unreachable: 'Its host could not be reached.',
  certificate: 'Its TLS certificate was not accepted.',
  timeout: `No answer came within ${ATTEMPT_TIMEOUT_SECONDS} seconds.`,
}

/** What reaches receivers: public addresses over TLS, unless the operator allows more. */
export const createWebhookPoster = (allowed: { readonly http: boolean; readonly private: boolean }): Poster =>
  createPoster({
    allowHttp: allowed.http,
    allowPrivate: allowed.private,
    timeoutMs: ATTEMPT_TIMEOUT_SECONDS * 1000,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  })

/** A receiver may put a retry off by as much as this, whatever it asks for: it shall not keep messages for ever. */
const LONGEST_RETRY_AFTER_SECONDS = 3600

/** Judges an attempt; `delaySeconds` is what a retry would wait, undefined when there is none left. It waits longer where the receiver asks for it. */
export function judge(
  attempt: Pick<Attempt, 'statusCode' | 'error' | 'retryAfterSeconds'>,
  event: ClaimedDelivery['event'],
  delaySeconds: number | undefined,
): Outcome {
  if (attempt.error === undefined) return { kind: 'delivered' }
  if (attempt.statusCode === 410) return { kind: 'gone' }
  // Whoever asks for a test waits for its answer and can ask again.
  if (event === 'test' || delaySeconds === undefined) return { kind: 'failed' }
  const asked = Math.min(attempt.retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER_SECONDS)
  return { kind: 'retry', delaySeconds: Math.max(delaySeconds, asked) }
}

/** Rejects only with the signal's reason. */
export async function sendMessage(
  poster: Poster,
  delivery: Pick<ClaimedDelivery, 'id' | 'url'>,
  body: string,
  secrets: SigningSecrets,
  signal: AbortSignal,
): Promise<Attempt> {
  const at = new Date()
  const startedAt = performance.now()
  const ended = (rest: Pick<Attempt, 'statusCode' | 'answer' | 'error' | 'retryAfterSeconds'>): Attempt => ({
    at,
    milliseconds: Math.round(performance.now() - startedAt),
    ...rest,
  })
  const headers = { 'content-type': 'application/json', ...signatureHeaders(delivery.id, at, body, secrets) }
  try {
    const posted = await poster.post(delivery.url, { headers, body: Buffer.from(body) }, signal)
    const { status, retryAfterSeconds } = posted
    return ended({ statusCode: status, answer: readAnswer(posted), error: problemOf(status), retryAfterSeconds })
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return ended({ statusCode: undefined, answer: undefined, error: NO_ANSWER[error.reason] ?? error.message })
  }
}

function problemOf(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined
  if (status >= 300 && status < 400) return `It answered ${status}. Redirects are not followed; name the final URL.`
  if (status === 410) return 'It answered 410, which ends all deliveries to it.'
  return `It answered ${status}.`
}

/** As text that PostgreSQL can hold: without U+0000. */
function readAnswer({ answer }: Posted): string {
  return new TextDecoder().decode(answer).replaceAll('\0', '\uFFFD')
}
