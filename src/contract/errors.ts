// Every error a caller can meet: its status, when it happens and what to do. docs/errors.md has a heading for each code.
import { z } from 'zod'
import { ERROR_CODES, type ErrorCode } from '../errors.ts'

export interface ErrorContract {
  readonly status: number
  /** When it happens, for the person reading the reference. */
  readonly when: string
  /** What the caller does about it. */
  readonly remedy: string
}

/**
 * Statuses follow the original API where it is known (406 for missing credits and for a wrong content type).
 * `idempotency_conflict` is 422 as in draft-ietf-httpapi-idempotency-key-header §2.7 (same key, different payload): client
 * libraries commonly retry a 409, and sending the same wrong pair again cannot help.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorContract>> = {
  malformed_request: {
    status: 400,
    when: 'The HTTP request itself, or its multipart body, cannot be parsed.',
    remedy: 'Let an HTTP library build the request; for multipart, let it choose the boundary as well.',
  },
  headers_too_large: {
    status: 431,
    when: 'The request line and headers exceed 16 KiB.',
    remedy: 'Send parameters in the body.',
  },
  request_timeout: {
    status: 408,
    when: 'The request did not arrive completely in time.',
    remedy: 'Send it again over a faster connection, or send less.',
  },
  invalid_json: {
    status: 400,
    when: 'The body is not valid UTF-8 JSON, or is not an object.',
    remedy: 'Send one JSON object with the parameters at its top level.',
  },
  missing_parameter: {
    status: 400,
    when: 'A required parameter is absent, or consists of white space.',
    remedy: 'Add the field named by `param`.',
  },
  invalid_parameter: {
    status: 400,
    when: 'A parameter has the wrong type or is out of range.',
    remedy: 'Correct the field named by `param`; the message states its range.',
  },
  text_too_long: {
    status: 400,
    when: '`text` has more characters (Unicode code points) than the route takes: 100,000 on `/v2`, 10,000 elsewhere.',
    remedy: 'Send a long text through `/v2`; split one that is longer still.',
  },
  invalid_reference_audio: {
    status: 400,
    when: 'The reference recording cannot be fetched, decoded or used.',
    remedy:
      'Send more than 5 seconds of clear speech by one person; the message says what was wrong with this recording.',
  },
  missing_api_key: {
    status: 401,
    when: 'Neither `x-api-key` nor `Authorization: Bearer` was sent.',
    remedy: 'Send your key in `x-api-key`.',
  },
  invalid_api_key: {
    status: 401,
    when: 'The key is unknown or has been revoked.',
    remedy: 'Check the key; whoever runs the server makes keys with `chatterbox keys create`.',
  },
  forbidden: {
    status: 403,
    when: 'The account of the key is suspended, or the route is for whoever runs the server: `/v1/admin/…`, and `/metrics` from another machine.',
    remedy: 'Send the token that the route asks for; ask whoever runs the server why the account is suspended.',
  },
  model_not_found: {
    status: 404,
    when: 'There is no model with this slug.',
    remedy: 'Use a slug that the message names.',
  },
  not_found: {
    status: 404,
    when: 'The path is unknown, or there is no such output, upload, voice, webhook or delivery, or it has expired.',
    remedy: 'Check the URL; make an output again if it has expired.',
  },
  request_not_found: {
    status: 404,
    when: 'The request id is unknown, belongs to another account, or has expired.',
    remedy: 'Fetch results before their `expires_at`.',
  },
  not_completed: {
    status: 409,
    when: 'What was asked for exists once the request has completed; it has not yet, or it failed.',
    remedy: 'Wait for its end, e.g. with `/v2/requests/{id}/events`.',
  },
  pieces_unavailable: {
    status: 409,
    when: 'The pieces of the request are not kept: retention `none`, a request that came through `/v1`, of a single piece, or of an older version; or they are by another model than the one that speaks now. Of a stream of low latency: its worker was lost in the middle of a piece, and the next one speaks otherwise.',
    remedy: 'Send the text again; through `/v2` where its pieces are wanted.',
  },
  credits_not_found: {
    status: 404,
    when: 'The account has no credit record.',
    remedy: 'Ask whoever runs the server to grant credits.',
  },
  method_not_allowed: {
    status: 405,
    when: 'The path exists, but not with this verb; `Allow` lists the verbs it has.',
    remedy: 'Use a verb of `Allow`.',
  },
  invalid_content_type: {
    status: 406,
    when: '`Content-Type` is absent, or neither `application/json` nor, on routes that take files, `multipart/form-data`.',
    remedy: 'Send one that the route takes.',
  },
  insufficient_credits: {
    status: 406,
    when: 'The balance is below the price of the request.',
    remedy: 'Add credits; the message states the balance and the price.',
  },
  model_retired: {
    status: 410,
    when: 'The model existed and is gone for good.',
    remedy: 'Use the model that the message names.',
  },
  idempotency_conflict: {
    status: 422,
    when: 'The `Idempotency-Key` was used before with other parameters.',
    remedy: 'Use a new key for a new request; repeat a request unchanged under its old key.',
  },
  cancelled: {
    status: 422,
    when: 'The request was cancelled, or its caller hung up, before the speech was ready. Nothing was charged.',
    remedy: 'Send it again if you want it after all.',
  },
  body_too_large: {
    status: 413,
    when: 'The body exceeds the configured limit, which the message states.',
    remedy: 'Send a shorter recording, or a compressed one; 10 to 20 seconds are enough.',
  },
  range_not_satisfiable: {
    status: 416,
    when: 'The `Range` of a download starts past the end of the file.',
    remedy: 'Ask for bytes that exist; `Content-Range` states the size.',
  },
  rate_limit_exceeded: {
    status: 429,
    when: 'The key sent more requests per minute than it may.',
    remedy: 'Wait for `Retry-After` seconds.',
  },
  voice_limit_reached: {
    status: 409,
    when: 'The account keeps as many voices as it may; the message states how many.',
    remedy: 'Delete one that you no longer need.',
  },
  overloaded: {
    status: 429,
    when: 'All places to run and to wait are taken.',
    remedy: 'Wait for `Retry-After` seconds.',
  },
  internal: {
    status: 500,
    when: 'Our fault. The log has the cause under the request id.',
    remedy: 'Report the `request_id` to whoever runs the server.',
  },
  unavailable: {
    status: 503,
    when: 'The server is stopping, or its engine or database is gone for the moment.',
    remedy: 'Try again after a moment.',
  },
  timeout: {
    status: 504,
    when: 'The request outlived its deadline. Its job goes on.',
    remedy: 'Fetch the result from `/v1/requests/{request_id}`.',
  },
}

/** Texts that clients of the original API compare with, or show as they are. */
export const KNOWN_TEXTS = {
  invalidJson: 'Request body must be a JSON object.',
  missingApiKey: 'Missing Authorization or x-api-key in header',
  invalidApiKey:
    'Unauthorized. API key is invalid or may have expired. Make one with `chatterbox keys create` on the server.',
  invalidContentType: 'Invalid content type',
  noCredits: 'No credits found for the user',
  unavailable: 'Service temporarily unavailable',
  timeout: 'Request timed out',
  cancelled: 'The request was cancelled. Nothing was charged.',
  requestNotFound: (id: string) => `Request ${id} not found`,
  pollNotFound: (id: string) => `Output for this request ID ${id} Not Found`,
} as const

export const errorBodySchema = z
  .object({
    error: z.string().describe('For people; says what to do.'),
    code: z.enum(ERROR_CODES).describe('For programs; a closed list.'),
    param: z.string().optional().describe('The one field at fault, where there is one.'),
    request_id: z.string().describe('The same as the `x-request-id` header.'),
  })
  .meta({
    description: 'Every error on every route has this body.',
    examples: [
      {
        error: 'temperature must be between 0.05 and 2.',
        code: 'invalid_parameter',
        param: 'temperature',
        request_id: '47411f110c6fa4fe05dcb9ffed2c1962',
      },
    ],
  })

export type ErrorBody = z.output<typeof errorBodySchema>
