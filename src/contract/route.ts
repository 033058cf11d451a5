// What there is to say of a route: method, path, who may call it, what it takes and what it answers.
import type { ErrorCode } from '../errors.ts'
import type { SchemaName } from './schemas.ts'

export interface ResponseContract {
  readonly description: string
  /** JSON bodies this status can have. */
  readonly json?: readonly SchemaName[]
  /** Media types of bodies that are not JSON. */
  readonly media?: readonly string[]
  readonly headers?: readonly HeaderName[]
}

export interface RouteContract {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Further paths with the same meaning, which documentation mentions and clients should not start with. */
  readonly alsoAt?: readonly string[]
  readonly summary: string
  readonly description?: string
  /** `key`: an API key. `operator`: this machine itself, or ADMIN_TOKEN. `admin`: ADMIN_TOKEN, always. `anyone`: no credential. */
  readonly access: 'key' | 'operator' | 'admin' | 'anyone'
  /** Each call takes one request from the key's limit for this route, or for all routes with this word. */
  readonly rateLimited?: true | 'speech'
  /** Errors look as clients of that API expect them. */
  readonly errorShape?: 'openai' | 'elevenlabs'
  /** Called by programs that run the server and by browsers, not by clients of the API. */
  readonly undocumented?: true
  /** A command that works as it stands, in a folder with a `voice.wav`, once the variables in it are set. */
  readonly curl?: string
  readonly headers?: readonly RequestHeaderName[]
  /** The parameters after the `?`. */
  readonly query?: SchemaName
  /** Without `multipartFile` it is taken as JSON alone. */
  readonly body?: { readonly schema: SchemaName; readonly multipartFile?: string }
  readonly responses: Readonly<Record<number, ResponseContract>>
  /** Beside those that every route, every route with a key, and every route with a body can have. */
  readonly errors: readonly ErrorCode[]
}

export const REQUEST_HEADERS = {
  accept:
    '`audio/wav`, `audio/mpeg`, `audio/ogg` or `audio/flac` choose the encoding; `application/json` alone asks for JSON.',
  'idempotency-key':
    'Any text of up to 255 characters. The same key with the same parameters gives the stored result and is charged once.',
  range: 'One byte range, as media players send it.',
  'last-event-id': 'The id of the last event that arrived: what came before is not sent again.',
} as const
type RequestHeaderName = keyof typeof REQUEST_HEADERS

export const HEADERS = {
  'x-request-id': 'Id of the request, 32 lower-case hex digits; on every response. Results are fetched by it.',
  'x-cost': 'Credits (US dollars) charged for this call.',
  'x-remaining-credits': 'Balance after it.',
  'x-generation-time': 'Seconds of synthesis.',
  'x-seed-value': 'The seed really used.',
  'x-model': 'The engine that spoke: `turbo`, `nano`, or `preview`, the embedded stand-in that is not Chatterbox.',
  'x-cold-start':
    '`engine` when the engine process had to be started for this request, else `none`. Start-up is part of the time it took.',
  'x-output-metadata':
    'JSON: `duration` in seconds, `sample_rate`, `model`, the `guards` that fired, and `reference_warnings`: `noisy`, `clipped`, where the recording could be better.',
  'x-ignored-parameters': 'Names of unknown parameters in the body, percent-encoded where needed.',
  'idempotent-replayed': '`true` when an earlier request with the same `Idempotency-Key` made this result.',
  'server-timing':
    'Where the time went, in milliseconds; ahead of a stream: `queue`, and `first`, from the request to the first sound.',
  'x-latency': 'Ahead of a stream: the `latency` it is spoken with, `normal` or `low`.',
  'x-audio-duration': 'Seconds of audio; in the trailers of a stream.',
  'x-rate-limit-limit': 'Requests per minute of this key.',
  'x-rate-limit-remaining': 'Requests left now.',
  'x-rate-limit-reset-at-utc': 'When all of them are back, ISO 8601.',
  'retry-after': 'Seconds to wait before the next try.',
  'content-range': 'Which bytes of how many.',
  allow: 'The verbs this path has.',
} as const
export type HeaderName = keyof typeof HEADERS

export const RATE_LIMIT_HEADERS = ['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset-at-utc'] as const

/** How every file is fetched. */
export const DOWNLOAD = {
  access: 'anyone',
  headers: ['range'],
  responses: {
    200: { description: 'The file.', media: ['audio/*'] },
    206: { description: 'The range of it.', media: ['audio/*'], headers: ['content-range'] },
    304: { description: 'The copy you have is still right.' },
  },
  errors: ['not_found', 'range_not_satisfiable'],
} as const satisfies Partial<RouteContract>

/** Everything a route can be refused with, in the order in which it is checked. */
export function errorsOf(route: RouteContract): ErrorCode[] {
  const codes: ErrorCode[] = [
    ...(route.access === 'key' ? (['missing_api_key', 'invalid_api_key', 'forbidden'] as const) : []),
    ...(route.access === 'admin' ? (['forbidden'] as const) : []),
    ...(route.rateLimited ? (['rate_limit_exceeded'] as const) : []),
    ...(route.body
      ? ([
          'invalid_content_type',
          'body_too_large',
          'malformed_request',
          'invalid_json',
          'missing_parameter',
          'invalid_parameter',
        ] as const)
      : []),
    ...(route.query ? (['invalid_parameter'] as const) : []),
    ...route.errors,
    'internal',
    'unavailable',
  ]
  return [...new Set(codes)]
}
