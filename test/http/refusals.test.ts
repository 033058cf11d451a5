// Every way to be refused: status, code, param and, where clients know it, the exact text; and which refusal comes first.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { ERRORS, errorBodySchema } from '../../src/contract/errors.ts'
import { AppError, type ErrorCode } from '../../src/errors.ts'
import { refusePath } from '../../src/http/routing.ts'
import { makeAccount } from '../harness/accounts.ts'
import { buildScratchApp, openScratchApp, SPEAK_URL, VALID, withResolvers } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app, account, db } = scratch
const JSON_TYPE = { 'content-type': 'application/json' }
const KEY = { 'x-api-key': account.key }

function assertRefused(
  response: LightMyRequestResponse,
  code: ErrorCode,
  error?: string | RegExp,
  param?: string,
): void {
  const body = errorBodySchema.strict().parse(response.json())
  assert.deepEqual([response.statusCode, body.code, body.param], [ERRORS[code].status, code, param])
  assert.match(String(response.headers['content-type']), /^application\/json/)
  assert.match(body.request_id, /^[0-9a-f]{32}$/)
  assert.equal(response.headers['x-request-id'], body.request_id)
  assert.equal(response.headers['x-cost'], undefined)
  if (typeof error === 'string') assert.equal(body.error, error)
  else if (error) assert.match(body.error, error)
}

interface Row {
  readonly name: string
  readonly status: number
  readonly code: ErrorCode
  readonly request: InjectOptions
  readonly error?: string | RegExp
  readonly param?: string
  readonly headers?: Record<string, string>
}
const post = (payload: InjectOptions['payload'], headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: SPEAK_URL,
  headers: { ...KEY, ...JSON_TYPE, ...headers },
  payload,
})
const NOT_JSON = 'Request body must be a JSON object.'

const ROWS: Row[] = [
  ...['{', '', 'null', '[]', '"text"', '1', '{"text":}', '{"text":"a"}x', Buffer.from('{"text":"\xff"}', 'latin1')].map(
    (payload): Row => ({
      name: `body ${payload}`,
      status: 400,
      code: 'invalid_json',
      request: post(payload),
      error: NOT_JSON,
    }),
  ),
  {
    name: 'no text',
    status: 400,
    code: 'missing_parameter',
    request: post({ reference_audio: VALID.reference_audio }),
    error: 'text is required and must be a string.',
    param: 'text',
  },
  {
    name: 'blank text',
    status: 400,
    code: 'missing_parameter',
    request: post({ ...VALID, text: ' \n ' }),
    error: 'text is required and must be a string.',
    param: 'text',
  },
  {
    name: 'no reference',
    status: 400,
    code: 'missing_parameter',
    request: post({ text: 'Hello.' }),
    error: 'reference_audio is required and must be a string.',
    param: 'reference_audio',
  },
  {
    name: 'wrong type',
    status: 400,
    code: 'invalid_parameter',
    request: post({ ...VALID, temperature: '0.7' }),
    error: 'temperature must be a number between 0.05 and 2.',
    param: 'temperature',
  },
  {
    name: 'out of range',
    status: 400,
    code: 'invalid_parameter',
    request: post({ ...VALID, temperature: 9 }),
    error: 'temperature must be between 0.05 and 2.',
    param: 'temperature',
  },
  {
    name: 'no integer',
    status: 400,
    code: 'invalid_parameter',
    request: post({ ...VALID, top_k: 2000 }),
    error: 'top_k must be an integer between 0 and 1000.',
    param: 'top_k',
  },
  {
    name: 'unknown format',
    status: 400,
    code: 'invalid_parameter',
    request: post({ ...VALID, output_format: 'aac' }),
    error: 'output_format must be one of wav, mp3, ogg, flac, pcm.',
    param: 'output_format',
  },
  {
    name: 'long text',
    status: 400,
    code: 'text_too_long',
    request: post({ ...VALID, text: '🙂'.repeat(12_400) }),
    error: 'text is 12,400 characters; the limit is 10,000 here; /v2/chatterbox-turbo-tts takes up to 100,000.',
    param: 'text',
  },
  {
    name: 'reference that is no URL',
    status: 400,
    code: 'invalid_reference_audio',
    request: post({ ...VALID, reference_audio: 'voice.mp3' }),
    error: 'Reference media rejected: URL must be a valid HTTPS URL.',
    param: 'reference_audio',
  },
  {
    name: 'reference to a private address',
    status: 400,
    code: 'invalid_reference_audio',
    request: post({ ...VALID, reference_audio: 'https://127.0.0.1/voice.mp3' }),
    error: /^Reference media rejected: /,
    param: 'reference_audio',
  },
  {
    name: 'no key',
    status: 401,
    code: 'missing_api_key',
    request: { ...post(VALID), headers: JSON_TYPE },
    error: 'Missing Authorization or x-api-key in header',
  },
  {
    name: 'empty key',
    status: 401,
    code: 'missing_api_key',
    request: post(VALID, { 'x-api-key': '' }),
    error: 'Missing Authorization or x-api-key in header',
  },
  {
    name: 'another scheme',
    status: 401,
    code: 'missing_api_key',
    request: { ...post(VALID), headers: { ...JSON_TYPE, authorization: `Basic ${account.key}` } },
    error: 'Missing Authorization or x-api-key in header',
  },
  {
    name: 'unknown key',
    status: 401,
    code: 'invalid_api_key',
    request: post(VALID, { 'x-api-key': 'SG_0123456789abcdef' }),
    error: /^Unauthorized\. API key is invalid or may have expired\./,
  },
  {
    name: 'key with any characters',
    status: 401,
    code: 'invalid_api_key',
    request: post(VALID, { 'x-api-key': "'; drop table api_keys; -- \xe9" }),
    error: /^Unauthorized\. API key is invalid or may have expired\./,
  },
  {
    name: 'unknown model',
    status: 404,
    code: 'model_not_found',
    request: { ...post(VALID), url: '/v1/chatterbox-tts' },
  },
  { name: 'unknown path', status: 404, code: 'not_found', request: { ...post(VALID), url: '/v3/nothing/here' } },
  {
    name: 'a path that is no URL',
    status: 404,
    code: 'not_found',
    request: { ...post(VALID), url: '/v1/requests/%E0%A4%A' },
  },
  {
    name: 'an endless path',
    status: 404,
    code: 'not_found',
    request: { method: 'GET', url: `/outputs/${'a'.repeat(5000)}` },
  },
  {
    name: 'unknown request',
    status: 404,
    code: 'request_not_found',
    request: { method: 'GET', url: `/v1/requests/${'0'.repeat(32)}`, headers: KEY },
    error: `Output for this request ID ${'0'.repeat(32)} Not Found`,
  },
  {
    name: 'a request id that is none',
    status: 404,
    code: 'request_not_found',
    request: { method: 'GET', url: '/v1/requests/abc', headers: KEY },
    error: 'Output for this request ID abc Not Found',
  },
  {
    name: 'expired output',
    status: 404,
    code: 'not_found',
    request: { method: 'GET', url: `/outputs/${'0'.repeat(32)}.wav` },
  },
  ...(['application/x-www-form-urlencoded', 'text/plain', 'text/json', 'application/jsonx', 'x'] as const).map(
    (contentType): Row => ({
      name: `content type ${contentType}`,
      status: 406,
      code: 'invalid_content_type',
      request: post(JSON.stringify(VALID), { 'content-type': contentType }),
      error: 'Invalid content type',
    }),
  ),
  {
    name: 'no content type',
    status: 406,
    code: 'invalid_content_type',
    request: { method: 'POST', url: SPEAK_URL, headers: KEY },
    error: 'Invalid content type',
  },
  {
    name: 'multipart without a boundary',
    status: 400,
    code: 'malformed_request',
    request: post('--x--', { 'content-type': 'multipart/form-data' }),
  },
  {
    name: 'malformed idempotency key',
    status: 400,
    code: 'invalid_parameter',
    request: post(VALID, { 'idempotency-key': 'k'.repeat(256) }),
    error: 'Idempotency-Key must be 1 to 255 printable ASCII characters.',
    param: 'Idempotency-Key',
  },
]

for (const { name, status, code, request, error, param } of ROWS) {
  test(`${name} is ${status} ${code}`, async () => {
    assert.equal(ERRORS[code].status, status)
    assertRefused(await app.inject(request), code, error, param)
  })
}

for (const verb of ['GET', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'HEAD'] as const) {
  test(`${verb} on a model is 405 with Allow, as JSON`, async () => {
    const response = await app.inject({ method: verb as 'GET', url: SPEAK_URL })
    assert.equal(response.headers.allow, 'OPTIONS, POST')
    if (verb === 'HEAD') assert.equal(response.statusCode, 405)
    else assertRefused(response, 'method_not_allowed', `${verb} is not allowed here; use OPTIONS, POST.`)
  })
}

test('a path that only reads says so', async () => {
  const response = await app.inject({ method: 'POST', url: '/v1/get-user-credits' })
  assert.equal(response.headers.allow, 'GET, HEAD, OPTIONS')
  assertRefused(response, 'method_not_allowed')
})

test('too little credit is 406, names balance and price, and holds nothing', async () => {
  const poor = await makeAccount(db, 100)
  const response = await scratch.speak(VALID, { 'x-api-key': poor.key })
  assertRefused(
    response,
    'insufficient_credits',
    'Insufficient credits. You have 0.0001 credits. This request needs 0.0003.',
  )
})

test('no credit at all reads as the original puts it', async () => {
  const poor = await makeAccount(db, 0)
  const response = await scratch.speak(VALID, { 'x-api-key': poor.key })
  assertRefused(
    response,
    'insufficient_credits',
    'Insufficient credits. You have 0.0 credits. This request needs 0.0003.',
  )
})

test('a body above the limit is 413 and names the limit, announced or not, JSON or multipart', async () => {
  const small = await buildScratchApp(db, { MAX_BODY_MB: '1' })
  const big = JSON.stringify({ ...VALID, reference_audio: 'x'.repeat(2 ** 20) })
  const message = 'The request body exceeds the limit of 1 MiB.'
  assertRefused(await small.speak(big), 'body_too_large', message)
  assertRefused(
    await small.speak(big, { 'content-type': 'multipart/form-data; boundary=x' }),
    'body_too_large',
    message,
  )
})

test('a retired model is 410 and names its successor; an unknown one is 404', () => {
  const retired = new Map([['chatterbox-old', 'chatterbox-turbo-tts']])
  assert.deepEqual(
    [refusePath('/v1/chatterbox-old', retired).code, refusePath('/v1/chatterbox-old?x=1', retired).message],
    ['model_retired', 'This model is retired; use chatterbox-turbo-tts.'],
  )
  assert.equal(refusePath('/v1/other', retired).code, 'model_not_found')
})

/** What the engine throws → what the caller gets. */
const FAILURES: [name: string, thrown: unknown, code: ErrorCode, error: string | RegExp][] = [
  [
    'a refusal by synthesis',
    new AppError('overloaded', 'Try later.', { retryAfterSeconds: 2.5 }),
    'overloaded',
    'Try later.',
  ],
  [
    'an engine that is gone',
    new AppError('unavailable', 'Service temporarily unavailable'),
    'unavailable',
    'This request could not be finished in 3 attempts. Please send it again.',
  ],
  ['a bug', new Error('ENOENT /secret/path select * from accounts'), 'internal', /^Something went wrong on our side/],
  ['a thrown string', 'secret', 'internal', /^Something went wrong on our side/],
  ['an internal AppError', new AppError('internal', 'secret'), 'internal', /^Something went wrong on our side/],
]
for (const [name, thrown, code, error] of FAILURES) {
  test(`${name} is ${ERRORS[code].status} ${code}, and nothing is charged`, async () => {
    const failing = await buildScratchApp(db)
    failing.engine.beforeChunk = () => {
      throw thrown
    }
    const response = await failing.speak(VALID)
    assertRefused(response, code, error)
    assert.doesNotMatch(response.body, /secret|select/)
    assert.equal(response.headers['retry-after'], code === 'internal' ? undefined : '1')
    assert.deepEqual([await failing.balanceMicro(), await failing.heldMicro()], [1_000_000, 0])
  })
}

test('a full house is 429 overloaded with Retry-After', async () => {
  const full = await buildScratchApp(db, { MAX_QUEUED_REQUESTS: '1' })
  const { promise: released, resolve: release } = withResolvers()
  let started = 0
  full.engine.beforeChunk = (_, chunk) => {
    if (chunk === 0) started += 1
    return released
  }
  const speaking = [1, 2, 3, 4].map(async (place) => {
    while (started < place - 1) await sleep(1)
    return full.speak(VALID)
  })
  while (started < 4) await sleep(1)
  const waiting = full.speak(VALID)
  while ((await full.heldMicro()) !== 5 * 300) await sleep(1)
  const refused = await full.speak(VALID)
  assertRefused(refused, 'overloaded')
  assert.equal(refused.headers['retry-after'], '1')
  release()
  for (const answer of await Promise.all([...speaking, waiting])) assert.equal(answer.statusCode, 200)
})

test('a request past its deadline is 504 with its id, goes on, and is fetched by that id', async () => {
  const slow = await buildScratchApp(db, { REQUEST_TIMEOUT_SECONDS: '1' })
  const { promise: released, resolve: release } = withResolvers()
  slow.engine.beforeChunk = () => released
  const response = await slow.speak(VALID)
  assertRefused(response, 'timeout', 'Request timed out')
  const poll = () =>
    slow.app.inject({ url: `/v1/requests/${response.json().request_id}`, headers: { 'x-api-key': slow.account.key } })
  assert.equal((await poll()).json().status, 'PROCESSING')
  release()
  let answer = await poll()
  while (answer.json().status === 'PROCESSING') answer = await poll()
  assert.deepEqual([answer.statusCode, answer.json().status], [200, 'COMPLETED'])
  assert.equal(await slow.balanceMicro(), 1_000_000 - 300)
})

test('a missing parameter is reported before a wrong one, whatever their order', async () => {
  const response = await scratch.speak({ text: 7, temperature: 'hot' })
  assertRefused(response, 'missing_parameter', 'reference_audio is required and must be a string.', 'reference_audio')
})
