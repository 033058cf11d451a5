// One HTTP request to a URL that somebody else chose, on a connection of its own to an address that was checked.
// Plain node:http: it decodes nothing, keeps no cookies, follows nothing, reads no proxy settings, and an abort closes a
// socket that is still connecting, which undici's does not.
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import { version } from '../config.ts'
import { HOST_NOT_REACHED, OutboundError } from './outbound-error.ts'

// Node gives each address of a name 250 ms when there are several; a far server on a slow line needs longer.
const ATTEMPT_TIMEOUT_MS = 1000
export const USER_AGENT = `chatterbox-serverless/${version}`

export interface GuardedRequest {
  readonly method: 'GET' | 'POST'
  /** As parseOutboundUrl returned it. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
  readonly lookup: LookupFunction
  /** PEM certificate authorities to believe in place of the public ones. */
  readonly certificateAuthorities: string | undefined
}

/** Ends at the response's headers. Whoever has the response destroys it. */
export function sendRequest(request: GuardedRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { url, method, headers, body, lookup, certificateAuthorities: ca } = request
  return new Promise((resolve, reject) => {
    const options = {
      method,
      agent: false,
      lookup,
      signal,
      headers: body ? { ...headers, 'content-length': String(body.byteLength) } : headers,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    }
    const sent = url.protocol === 'https:' ? https.request(url, { ...options, ca }) : http.request(url, options)
    sent.on('response', resolve)
    // Stays attached after the response: an error on the way down must not become an uncaught one.
    sent.on('error', reject)
    sent.end(body)
  })
}

/**
 * Runs `work` with a signal that is aborted by the caller's or after `timeoutMs`. Throws the caller's reason, OutboundError `timeout`, or
 * what went wrong as an OutboundError.
 */
export async function withinDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal.reason)
  const onDeadline = () =>
    stop.abort(new OutboundError('timeout', `URL could not be fetched within ${timeoutMs / 1000} seconds.`))
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(onDeadline, timeoutMs)
  try {
    return await work(stop.signal)
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : toOutboundError(error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

export function toOutboundError(error: unknown): OutboundError {
  if (error instanceof OutboundError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Only an address that may be reached can show a certificate, so this tells nothing about the network inside.
  if (/CERT|ERR_TLS|UNABLE_TO_/.test(code)) {
    return new OutboundError('certificate', 'URL could not be fetched: its TLS certificate was not accepted.', error)
  }
  return new OutboundError('unreachable', HOST_NOT_REACHED, error)
}

/** What `parse` has against a URL, or undefined. */
export function problemWith(parse: () => unknown): OutboundError | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    return toOutboundError(error)
  }
}
