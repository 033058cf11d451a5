// Fetches a file from a URL that somebody else chose, without becoming their way into the network we stand in.
// Plain node:http: it decodes nothing, keeps no cookies, follows nothing, reads no proxy settings, and an abort closes a
// socket that is still connecting, which undici's does not.
import { lookup as dnsLookup } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import { version } from '../config.ts'
import { type AddressRules, PUBLIC_AND_PRIVATE, PUBLIC_INTERNET } from './address-rules.ts'
import { createGuardedLookup, type Resolve } from './guarded-lookup.ts'
import { HOST_NOT_REACHED, OutboundError } from './outbound-error.ts'
import { parseOutboundUrl } from './outbound-url.ts'

const MAX_REDIRECTS = 3
// Node gives each address of a name 250 ms when there are several; a far server on a slow line needs longer.
const ATTEMPT_TIMEOUT_MS = 1000
const HEADERS = {
  'user-agent': `chatterbox-serverless/${version}`,
  accept: 'audio/*, */*;q=0.5',
  // What is compressed would have to be inflated before its size is known; recordings do not shrink anyway.
  'accept-encoding': 'identity',
}

export interface FetcherOptions {
  /** Also `http:` URLs. */
  readonly allowHttp: boolean
  /** Also private and loopback addresses, on any port: tests and intranets. */
  readonly allowPrivate: boolean
  /** For everything together: names, connections, redirects and the last byte. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Fakes for tests, and the PEM certificate authorities to believe in place of the public ones. */
  readonly resolve?: Resolve
  readonly rules?: AddressRules
  readonly certificateAuthorities?: string
}

export interface Fetched {
  readonly bytes: Uint8Array
  /** Lower case, without parameters; undefined when the server named none. */
  readonly mediaType: string | undefined
}

export interface Fetcher {
  /** Why a URL will never be fetched, as far as its text tells; looks nothing up. */
  problemOf(url: string): OutboundError | undefined
  /** Throws OutboundError, or the signal's reason when it is aborted. No socket outlives the call. */
  fetchBytes(url: string, signal: AbortSignal): Promise<Fetched>
}

export function createFetcher(options: FetcherOptions): Fetcher {
  const { allowHttp, timeoutMs, maxBytes } = options
  const rules = options.rules ?? (options.allowPrivate ? PUBLIC_AND_PRIVATE : PUBLIC_INTERNET)
  const lookup = createGuardedLookup(options.resolve ?? dnsLookup, rules)
  const parse = (url: string, from?: URL) => parseOutboundUrl(url, allowHttp, rules, from)

  const followRedirects = async (first: string, signal: AbortSignal): Promise<http.IncomingMessage> => {
    let url = parse(first)
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await get(url, lookup, options.certificateAuthorities, signal)
      if (!isRedirect(response)) return response
      response.destroy()
      if (response.headers.location === undefined) throw statusError(response)
      url = parse(response.headers.location, url)
    }
    throw new OutboundError('redirects', `URL redirects more than ${MAX_REDIRECTS} times.`)
  }

  return {
    problemOf(url) {
      try {
        parse(url)
        return undefined
      } catch (error) {
        return toOutboundError(error)
      }
    },
    async fetchBytes(url, signal) {
      signal.throwIfAborted()
      const stop = new AbortController()
      const onAbort = () => stop.abort(signal.reason)
      const onDeadline = () =>
        stop.abort(new OutboundError('timeout', `URL could not be fetched within ${timeoutMs / 1000} seconds.`))
      signal.addEventListener('abort', onAbort, { once: true })
      const timer = setTimeout(onDeadline, timeoutMs)
      try {
        const response = await followRedirects(url, stop.signal)
        try {
          checkHead(response, maxBytes)
          return { bytes: await readBody(response, maxBytes), mediaType: mediaTypeOf(response) }
        } finally {
          response.destroy()
        }
      } catch (error) {
        throw stop.signal.aborted ? stop.signal.reason : toOutboundError(error)
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
    },
  }
}

/** One request on a connection of its own. The promise ends at the response's headers. */
function get(url: URL, lookup: LookupFunction, ca: string | undefined, signal: AbortSignal) {
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    const options = {
      agent: false,
      lookup,
      signal,
      headers: HEADERS,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    }
    const request = url.protocol === 'https:' ? https.request(url, { ...options, ca }) : http.request(url, options)
    request.on('response', resolve)
    // Stays attached after the response: an error on the way down must not become an uncaught one.
    request.on('error', reject)
    request.end()
  })
}

function isRedirect(response: http.IncomingMessage): boolean {
  return [301, 302, 303, 307, 308].includes(response.statusCode ?? 0)
}

function checkHead(response: http.IncomingMessage, maxBytes: number): void {
  if (response.statusCode !== 200) throw statusError(response)
  const encoding = response.headers['content-encoding']?.trim().toLowerCase()
  if (encoding && encoding !== 'identity') {
    throw new OutboundError('encoding', 'URL was answered with compressed content; it must be sent as it is.')
  }
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

function statusError(response: http.IncomingMessage): OutboundError {
  return new OutboundError('status', `URL was answered with status ${response.statusCode}.`)
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let total = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    total += part.byteLength
    if (total > maxBytes) throw tooLarge(maxBytes)
    parts.push(part)
  }
  return Buffer.concat(parts, total)
}

function tooLarge(maxBytes: number): OutboundError {
  const limit = maxBytes >= 2 ** 20 ? `${Math.floor(maxBytes / 2 ** 20)} MiB` : `${maxBytes} bytes`
  return new OutboundError('too-large', `URL holds more than ${limit}.`)
}

function mediaTypeOf(response: http.IncomingMessage): string | undefined {
  return response.headers['content-type']?.split(';')[0]?.trim().toLowerCase() || undefined
}

function toOutboundError(error: unknown): OutboundError {
  if (error instanceof OutboundError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Only an address that may be reached can show a certificate, so this tells nothing about the network inside.
  if (/CERT|ERR_TLS|UNABLE_TO_/.test(code)) {
    return new OutboundError('certificate', 'URL could not be fetched: its TLS certificate was not accepted.', error)
  }
  return new OutboundError('unreachable', HOST_NOT_REACHED, error)
}
