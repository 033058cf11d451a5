// Fetches a file from a URL that somebody else chose, without becoming their way into the network we stand in.
import { lookup as dnsLookup } from 'node:dns'
import type http from 'node:http'
import { type AddressRules, PUBLIC_AND_PRIVATE, PUBLIC_INTERNET } from './address-rules.ts'
import { createGuardedLookup, type Resolve } from './guarded-lookup.ts'
import { problemWith, sendRequest, USER_AGENT, withinDeadline } from './guarded-request.ts'
import { OutboundError } from './outbound-error.ts'
import { parseOutboundUrl } from './outbound-url.ts'

const MAX_REDIRECTS = 3
const HEADERS = {
  'user-agent': USER_AGENT,
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
  const { allowHttp, timeoutMs, maxBytes, certificateAuthorities } = options
  const rules = options.rules ?? (options.allowPrivate ? PUBLIC_AND_PRIVATE : PUBLIC_INTERNET)
  const lookup = createGuardedLookup(options.resolve ?? dnsLookup, rules)
  const parse = (url: string, from?: URL) => parseOutboundUrl(url, allowHttp, rules, from)

  const followRedirects = async (first: string, signal: AbortSignal): Promise<http.IncomingMessage> => {
    let url = parse(first)
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const request = { method: 'GET', url, headers: HEADERS, lookup, certificateAuthorities } as const
      const response = await sendRequest(request, signal)
      if (!isRedirect(response)) return response
      response.destroy()
      if (response.headers.location === undefined) throw statusError(response)
      url = parse(response.headers.location, url)
    }
    throw new OutboundError('redirects', `URL redirects more than ${MAX_REDIRECTS} times.`)
  }

  return {
    problemOf: (url) => problemWith(() => parse(url)),
    fetchBytes: (url, signal) =>
      withinDeadline(timeoutMs, signal, async (stop) => {
        const response = await followRedirects(url, stop)
        try {
          checkHead(response, maxBytes)
          return { bytes: await readBody(response, maxBytes), mediaType: mediaTypeOf(response) }
        } finally {
          response.destroy()
        }
      }),
  }
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
