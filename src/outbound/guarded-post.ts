// Sends a message to a URL that somebody else chose, under the same rules as guarded-fetch.ts. Redirects are not followed: who signs a
// message for one address does not hand it to another.
import { lookup as dnsLookup } from 'node:dns'
import type http from 'node:http'
import { type AddressRules, PUBLIC_AND_PRIVATE, PUBLIC_INTERNET } from './address-rules.ts'
import { createGuardedLookup, type Resolve } from './guarded-lookup.ts'
import { problemWith, sendRequest, USER_AGENT, withinDeadline } from './guarded-request.ts'
import type { OutboundError } from './outbound-error.ts'
import { parseOutboundUrl } from './outbound-url.ts'

export interface PosterOptions {
  /** Also `http:` URLs. */
  readonly allowHttp: boolean
  /** Also private and loopback addresses, on any port: tests and intranets. */
  readonly allowPrivate: boolean
  /** For everything together: names, connection, request and answer. */
  readonly timeoutMs: number
  /** How much of the answer's body is read; the rest is left where it is. */
  readonly maxAnswerBytes: number
  /** Fakes for tests, and the PEM certificate authorities to believe in place of the public ones. */
  readonly resolve?: Resolve
  readonly rules?: AddressRules
  readonly certificateAuthorities?: string
}

export interface Posted {
  /** Of any kind: 200, 301, 500. */
  readonly status: number
  /** `Retry-After`, from either of its forms. */
  readonly retryAfterSeconds: number | undefined
  /** The beginning of the answer's body. */
  readonly answer: Uint8Array
}

export interface Poster {
  /** Why nothing will ever be sent to a URL, as far as its text tells; looks nothing up. */
  problemOf(url: string): OutboundError | undefined
  /** Throws OutboundError when no status came back, or the signal's reason when it is aborted. No socket outlives the call. */
  post(
    url: string,
    message: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array },
    signal: AbortSignal,
  ): Promise<Posted>
}

export function createPoster(options: PosterOptions): Poster {
  const { allowHttp, timeoutMs, maxAnswerBytes, certificateAuthorities } = options
  const rules = options.rules ?? (options.allowPrivate ? PUBLIC_AND_PRIVATE : PUBLIC_INTERNET)
  const lookup = createGuardedLookup(options.resolve ?? dnsLookup, rules)
  return {
    problemOf: (url) => problemWith(() => parseOutboundUrl(url, allowHttp, rules)),
    post: (url, { headers, body }, signal) =>
      withinDeadline(timeoutMs, signal, async (stop) => {
        const target = parseOutboundUrl(url, allowHttp, rules)
        const allHeaders = { 'user-agent': USER_AGENT, ...headers }
        const request = {
          method: 'POST',
          url: target,
          headers: allHeaders,
          body,
          lookup,
          certificateAuthorities,
        } as const
        const response = await sendRequest(request, stop)
        try {
          const retryAfterSeconds = readRetryAfter(response.headers['retry-after'])
          const answer = await readBeginning(response, maxAnswerBytes)
          return { status: response.statusCode ?? 0, retryAfterSeconds, answer }
        } finally {
          response.destroy()
        }
      }),
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3); what is neither says nothing. */
function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header)
  const seconds = (Date.parse(header) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds))
}

/** The status has decided already: a body that breaks off or never ends changes nothing. */
async function readBeginning(response: http.IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let total = 0
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      parts.push(part)
      total += part.byteLength
      if (total >= maxBytes) break
    }
  } catch {
    // what has arrived is the answer
  }
  return Buffer.concat(parts).subarray(0, maxBytes)
}
