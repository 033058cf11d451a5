// One call of the API: key, deadline, abort, and tries again where that can neither do harm nor cost twice. Knows no route.
import { ChatterboxError, refusalOf } from './chatterbox-error.ts'
import { type Pause, pause as reallyPause } from './pause.ts'

export interface ConnectionSettings {
  readonly baseUrl: string
  readonly apiKey: string
  readonly timeoutSeconds: number
  readonly retries: number
  readonly fetch: typeof fetch
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Of the whole call, all tries together. Default: the client's. */
  readonly timeoutSeconds?: number | undefined
  /** Further tries after the first. Default: the client's. */
  readonly retries?: number | undefined
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below the base URL, without a slash at its beginning. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | FormData | undefined
  /** Sending it twice is the same as once: it changes nothing, or has an idempotency key. */
  readonly repeatable: boolean
}

/** Takes of an answer what is wanted. All of it within the deadline. */
export type Read<T> = (response: Response) => Promise<T>

export interface Connection {
  /** Throws ChatterboxError, or the reason of an aborted signal. What `read` throws counts as the connection's end, unless it is a ChatterboxError. */
  call<T>(call: Call, options: CallOptions, read: Read<T>): Promise<T>
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000
/** From proxies; of our own server, 503 alone. Its 504 says that the work goes on, which asking again does not speed up. */
const PASSING_STATUSES = [429, 502, 503]

export function createConnection(settings: ConnectionSettings, pause: Pause = reallyPause): Connection {
  return {
    async call(call, options, read) {
      const { signal, timeoutSeconds = settings.timeoutSeconds, retries = settings.retries } = options
      const deadline = startDeadline(timeoutSeconds, signal)
      try {
        for (let failures = 0; ; failures++) {
          try {
            return await attempt(settings, call, deadline, read)
          } catch (error) {
            if (!(error instanceof ChatterboxError) || !call.repeatable || failures >= retries) throw error
            if (!isPassing(error)) throw error
            const pauseMs = pauseAfter(error, failures)
            if (pauseMs >= deadline.leftMs()) throw error // it would end in the deadline's error, which says less
            await pause(pauseMs, deadline.signal)
          }
        }
      } finally {
        deadline.end()
      }
    },
  }
}

const isPassing = ({ code, status }: ChatterboxError): boolean =>
  code === 'unreachable' || PASSING_STATUSES.includes(status)

/** What the server asks for and a little more, or twice as long each time; never the same for all who were refused together. */
function pauseAfter({ retryAfterSeconds }: ChatterboxError, failures: number): number {
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures)
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * 1000 + (pauseMs * Math.random()) / 2
  return pauseMs * (0.5 + Math.random() / 2)
}

async function attempt<T>(settings: ConnectionSettings, call: Call, deadline: Deadline, read: Read<T>): Promise<T> {
  const { fetch } = settings // a browser's wants to be called without an object
  deadline.signal.throwIfAborted()
  try {
    const response = await fetch(urlOf(settings.baseUrl, call), {
      method: call.method,
      headers: { 'x-api-key': settings.apiKey, ...call.headers },
      ...(call.body === undefined ? {} : { body: call.body }),
      signal: deadline.signal,
    })
    if (!response.ok) throw await refusalOf(response)
    return await read(response)
  } catch (error) {
    deadline.signal.throwIfAborted()
    if (error instanceof ChatterboxError) throw error
    if (error instanceof SyntaxError) {
      throw new ChatterboxError('unexpected_answer', `${settings.baseUrl} answers something else than JSON.`, {
        cause: error,
      })
    }
    throw new ChatterboxError('unreachable', `There is no answer from ${settings.baseUrl}.`, { cause: error })
  }
}

/** A base URL may have a path of its own: a server behind a proxy that serves it below a prefix. */
function urlOf(baseUrl: string, { path, query = {} }: Call): URL {
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url
}

export interface Deadline {
  /** Fires at the deadline, with a ChatterboxError, and with the caller's signal, with its reason. */
  readonly signal: AbortSignal
  leftMs(): number
  /** The whole time again from now on: of a stream, each wait has it. */
  restart(): void
  /** Time stands still until the next `restart`. */
  suspend(): void
  /** Nothing fires any more. */
  end(): void
}

/** To be ended by whoever has started it. No `using`: browsers are only learning it. */
export function startDeadline(seconds: number, signal: AbortSignal | undefined): Deadline {
  const stop = new AbortController()
  const leave = () => stop.abort(signal?.reason)
  if (signal?.aborted) leave()
  else signal?.addEventListener('abort', leave, { once: true })
  let untilMs = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const restart = () => {
    clearTimeout(timer)
    untilMs = performance.now() + seconds * 1000
    // Longer than 24 days, and a timer would fire at once.
    if (seconds * 1000 < 2 ** 31) timer = setTimeout(() => stop.abort(tooLate(seconds)), seconds * 1000)
  }
  restart()
  return {
    signal: stop.signal,
    leftMs: () => untilMs - performance.now(),
    restart,
    suspend: () => clearTimeout(timer),
    end: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
    },
  }
}

export const tooLate = (seconds: number, requestId?: string): ChatterboxError =>
  new ChatterboxError('client_timeout', `There was no end within ${seconds} seconds.`, { requestId })
