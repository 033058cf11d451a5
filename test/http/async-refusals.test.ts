// What the asynchronous API refuses at submit, and that it refuses what v1 refuses, in the same words, before anything is held.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { errorBodySchema } from '../../src/contract/errors.ts'
import { makeAccount } from '../harness/accounts.ts'
import { asyncCalls, SUBMIT_URL } from './async-calls.ts'
import { multipart } from './multipart-body.ts'
import { buildScratchApp, openScratchApp, REFERENCE, SPEAK_URL, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app, db, account } = scratch
const { submit, submitOk, get, reaches, getResult } = asyncCalls(scratch)

const jobsOf = async (accountId: string): Promise<number> => {
  const rows = await db.selectFrom('jobs').select('id').where('account_id', '=', accountId).execute()
  return rows.length
}

/** Raw bodies and their content type; JSON unless they say otherwise. */
const BAD_BODIES: readonly (readonly [body: string | Buffer, contentType?: string])[] = [
  ...['', '{', 'null', '[]', '1', 'true', '"text"', '{"text":}', '{"text":"a"}x', '\u0000', '[[[[', '{"a":1e999'].map(
    (body) => [body] as const,
  ),
  [Buffer.from([0xff, 0xfe, 0x00])],
  [Buffer.from('{"text":"\xff"}', 'latin1')],
  ['{"text":"Hello."}', 'text/plain'],
  ['{"text":"Hello."}', 'application/jsonx'],
  ['text=Hello.', 'application/x-www-form-urlencoded'],
  ['--b--', 'multipart/form-data'],
  ['--b\r\nbroken', 'multipart/form-data; boundary=b'],
  [multipart([{ name: 'text', value: 'Hello.' }]).payload, 'multipart/form-data; boundary=x-boundary-7f3a'],
  [
    multipart([
      { name: 'text', value: 'Hello.' },
      { name: 'text', value: 'Twice.' },
      { name: 'reference_audio', value: REFERENCE },
    ]).payload,
    'multipart/form-data; boundary=x-boundary-7f3a',
  ],
  [
    multipart([
      { name: 'text', value: 'Hello.' },
      { name: 'temperature', value: 'hot' },
      { name: 'reference_audio', value: REFERENCE },
    ]).payload,
    'multipart/form-data; boundary=x-boundary-7f3a',
  ],
]

/** What is wrong with a body that is JSON. */
const BAD_PARAMETERS: readonly Record<string, unknown>[] = [
  { text: undefined },
  { text: '' },
  { text: ' \n\t' },
  { text: 7 },
  { text: null },
  { text: ['Hello.'] },
  { text: 'a\u0000b' },
  { reference_audio: undefined },
  { reference_audio: ' ' },
  { reference_audio: 7 },
  { reference_audio: 'voice.mp3' },
  { reference_audio: 'ftp://example.com/voice.mp3' },
  { reference_audio: 'http://example.com/voice.mp3' },
  { reference_audio: 'https://127.0.0.1/voice.mp3' },
  { reference_audio: 'https://user:password@example.com/voice.mp3' },
  { reference_audio: 'data:audio/wav;base64,***' },
  { reference_audio: 'data:,' },
  { reference_audio: 'voice:nobody' },
  ...['temperature', 'top_p', 'min_p', 'repetition_penalty', 'top_k', 'seed'].flatMap((name) =>
    [-1e9, 1e300, '1', null, true, [], {}].map((value) => ({
      [name]: name === 'seed' && value === -1e9 ? 0.5 : value,
    })),
  ),
  { top_k: 0.5 },
  { norm_loudness: 'true' },
  { norm_loudness: 1 },
  { output_format: 'aac' },
  { output_format: 'WAV' },
  { retention: 'forever' },
  { retention: null },
]

async function assertRefusedAlike(name: string, request: Omit<InjectOptions, 'url'>): Promise<void> {
  const before = await jobsOf(account.accountId)
  const [v1, v2] = [await app.inject({ ...request, url: SPEAK_URL }), await app.inject({ ...request, url: SUBMIT_URL })]
  const body = errorBodySchema.strict().parse(v2.json())
  assert.ok(v2.statusCode >= 400 && v2.statusCode < 500, `${name}: ${v2.statusCode}`)
  assert.deepEqual(
    [v2.statusCode, { ...body, request_id: '' }],
    [v1.statusCode, { ...v1.json(), request_id: '' }],
    name,
  )
  assert.equal(body.request_id, v2.headers['x-request-id'])
  assert.deepEqual([await jobsOf(account.accountId), await scratch.heldMicro()], [before, 0], name)
}

test('bodies that are none', async () => {
  for (const [payload, contentType = 'application/json'] of BAD_BODIES) {
    const headers = { 'x-api-key': account.key, 'content-type': contentType }
    await assertRefusedAlike(`${contentType} ${payload}`.slice(0, 200), { method: 'POST', headers, payload })
  }
})

test('parameters that are wrong', async () => {
  const headers = { 'x-api-key': account.key, 'content-type': 'application/json' }
  for (const change of BAD_PARAMETERS) {
    const payload = JSON.stringify({ ...VALID, ...change })
    await assertRefusedAlike(JSON.stringify(change).slice(0, 200), { method: 'POST', headers, payload })
  }
})

test('a webhook_url that nobody could call is refused by name; v1 does not know it', async () => {
  for (const [value, error] of [
    [7, 'webhook_url must be a string.'],
    [null, 'webhook_url must be a string.'],
    ['', 'webhook_url must be a valid HTTPS URL.'],
    ['example.com/hook', 'webhook_url must be a valid HTTPS URL.'],
    ['ftp://example.com/hook', 'webhook_url must be a valid HTTPS URL.'],
    ['javascript:alert(1)', 'webhook_url must be a valid HTTPS URL.'],
    ['https://user:password@example.com/hook', 'webhook_url must not contain a user name or password.'],
    [`https://example.com/${'a'.repeat(2048)}`, 'webhook_url must not be longer than 2,048 characters.'],
    ['http://example.com/hook', /^webhook_url: /],
    ['https://127.0.0.1/hook', /^webhook_url: /],
    ['https://[::1]/hook', /^webhook_url: /],
    ['https://169.254.169.254/latest/meta-data', /^webhook_url: /],
  ] as const) {
    const response = await submit({ ...VALID, webhook_url: value })
    const body = errorBodySchema.strict().parse(response.json())
    assert.deepEqual(
      [response.statusCode, body.code, body.param],
      [400, 'invalid_parameter', 'webhook_url'],
      `${value}`,
    )
    if (typeof error === 'string') assert.equal(body.error, error)
    else assert.match(body.error, error)
  }
  assert.equal(await scratch.heldMicro(), 0)
  const direct = await scratch.speak({ ...VALID, webhook_url: 'https://example.com/hook' })
  assert.deepEqual([direct.statusCode, direct.headers['x-ignored-parameters']], [200, 'webhook_url'])
})

test('webhook_url and retention are kept with the request', async () => {
  const { request_id: id } = await submitOk({ ...VALID, webhook_url: 'https://example.com/hook', retention: 'none' })
  const row = await db.selectFrom('jobs').select(['webhook_url', 'retention', 'mode']).where('id', '=', id).execute()
  assert.deepEqual(row, [{ webhook_url: 'https://example.com/hook', retention: 'none', mode: 'async' }])
  await reaches(id, 'COMPLETED')
})

test('unknown parameters are ignored and named', async () => {
  const response = await submit({ ...VALID, timeout: 5, interval: 1 })
  assert.deepEqual([response.statusCode, response.headers['x-ignored-parameters']], [200, 'timeout, interval'])
})

test('an empty balance is 406 on v1 and v2, and 402 on v2 where the operator wants that', async () => {
  const strict = await buildScratchApp(db, { V2_INSUFFICIENT_CREDITS_STATUS: '402' })
  for (const [application, v2Status] of [
    [app, 406],
    [strict.app, 402],
  ] as const) {
    const poor = await makeAccount(db, 0)
    const request = { method: 'POST' as const, headers: { 'x-api-key': poor.key }, payload: VALID }
    const [v1, v2] = [
      await application.inject({ ...request, url: SPEAK_URL }),
      await application.inject({ ...request, url: SUBMIT_URL }),
    ]
    assert.deepEqual([v1.statusCode, v2.statusCode], [406, v2Status])
    assert.equal(v2.json().code, 'insufficient_credits')
    assert.match(v2.json().error, /^Insufficient credits\. You have 0\.0 credits\./)
    assert.equal(v2.json().error, v1.json().error)
    assert.equal(await jobsOf(poor.accountId), 0)
  }
})

test('unknown slugs and paths are 404 as on v1, wrong verbs 405 with Allow', async () => {
  for (const [url, code] of [
    ['/v2/no-such-model', 'model_not_found'],
    ['/v2/chatterbox-turbo-tts/more', 'not_found'],
    ['/v3/chatterbox-turbo-tts', 'not_found'],
  ] as const) {
    const response = await app.inject({ method: 'POST', url, headers: { 'x-api-key': account.key }, payload: VALID })
    assert.deepEqual([response.statusCode, response.json().code], [404, code], url)
  }
  const id = '0'.repeat(32)
  for (const [method, url, allow] of [
    ['GET', SUBMIT_URL, 'OPTIONS, POST'],
    ['DELETE', SUBMIT_URL, 'OPTIONS, POST'],
    ['POST', `/v2/requests/${id}`, 'DELETE, GET, HEAD, OPTIONS'],
    ['DELETE', `/v2/requests/${id}/status`, 'GET, HEAD, OPTIONS'],
    ['DELETE', `/v1/requests/${id}`, 'GET, HEAD, OPTIONS'],
  ] as const) {
    const response = await app.inject({ method, url, headers: { 'x-api-key': account.key } })
    assert.deepEqual([response.statusCode, response.json().code], [405, 'method_not_allowed'], `${method} ${url}`)
    assert.equal(response.headers.allow, allow)
  }
})

test('no redirect for a slash at the end: clients follow none', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  const posted = await app.inject({
    method: 'POST',
    url: `${SUBMIT_URL}/`,
    headers: { 'x-api-key': account.key },
    payload: VALID,
  })
  assert.equal(posted.statusCode, 200)
  for (const url of [`/v2/requests/${id}/`, `/v2/requests/${id}/status/`, `/v1/requests/${id}/`]) {
    assert.equal((await get(url)).statusCode, 200, url)
  }
})

test('with validation deferred, v2 takes what is wrong, holds nothing, and the request fails with the same words', async () => {
  const deferring = await buildScratchApp(db, { DEFER_VALIDATION: 'true' })
  const calls = asyncCalls(deferring)
  const bodies = BAD_PARAMETERS.map((change) => JSON.stringify({ ...VALID, ...change }))
  const submitted = await Promise.all(bodies.map((body) => calls.submitOk(body)))
  assert.deepEqual([...new Set(submitted.map(({ status }) => status))], ['QUEUED'])
  assert.equal(await deferring.heldMicro(), 0)
  for (const [index, { request_id: id }] of submitted.entries()) {
    const refused = (await deferring.speak(bodies[index])).json()
    const failed = await calls.getResult(id, '?wait=20')
    const { status, error, code, param } = failed.json()
    assert.deepEqual(
      [failed.statusCode, status, error, code, param],
      [422, 'FAILED', refused.error, refused.code, refused.param],
      bodies[index]?.slice(0, 200),
    )
  }
  const observed = await calls.submitOk({ prompt: '', duration: 0 })
  const failed = (await calls.getResult(observed.request_id, '?wait=20')).json()
  assert.equal(failed.error, 'text is required and must be a string.')
  assert.equal(await deferring.balanceMicro(), 1_000_000)
  assert.equal((await calls.submit('{')).json().code, 'invalid_json')
  const { request_id: id } = await calls.submitOk(VALID)
  assert.equal((await calls.getResult(id, '?wait=20')).json().status, 'COMPLETED')
})

test('polls and cancellations are never rate-limited, submits share the limit of v1', async () => {
  const limited = await buildScratchApp(db, { RATE_LIMIT_RPM: '2' })
  const calls = asyncCalls(limited)
  const first = await calls.submit(VALID)
  assert.deepEqual([first.headers['x-rate-limit-limit'], first.headers['x-rate-limit-remaining']], ['2', '1'])
  assert.match(String(first.headers['x-rate-limit-reset-at-utc']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.equal((await limited.speak(VALID)).statusCode, 200)
  const third = await calls.submit(VALID)
  assert.deepEqual([third.statusCode, third.json().code], [429, 'rate_limit_exceeded'])
  assert.ok(Number(third.headers['retry-after']) >= 1)
  const { request_id: id } = first.json()
  await calls.reaches(id, 'COMPLETED')
  for (let poll = 0; poll < 70; poll++) {
    const response = await calls.getStatus(id)
    assert.deepEqual([response.statusCode, response.headers['x-rate-limit-limit']], [200, undefined], `poll ${poll}`)
  }
  for (const ask of [calls.getResult, calls.getPoll]) {
    for (let poll = 0; poll < 5; poll++) assert.equal((await ask(id)).statusCode, 200)
  }
  assert.equal((await calls.cancel(id)).statusCode, 200)
})

test('the same request under the same idempotency key is one request and one charge, on v2 and on v1', async () => {
  const once = { 'idempotency-key': 'v2-once' }
  const before = (await scratch.balanceMicro()) ?? 0
  const first = await submit({ ...VALID, seed: 0 }, once)
  await reaches(first.json().request_id, 'COMPLETED')
  const second = await submit({ ...VALID, seed: 0 }, once)
  assert.deepEqual([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']], [undefined, 'true'])
  assert.deepEqual(
    [second.json().request_id, second.json().status, second.headers['x-request-id']],
    [first.json().request_id, 'COMPLETED', first.json().request_id],
  )
  const direct = await scratch.speak({ ...VALID, seed: 0 }, once)
  assert.deepEqual([direct.statusCode, direct.headers['idempotent-replayed']], [200, 'true'])
  const { output } = (await getResult(first.json().request_id)).json()
  assert.deepEqual((await app.inject(new URL(output).pathname)).rawPayload, direct.rawPayload)
  assert.equal(await scratch.balanceMicro(), before - 300)
  for (const change of [{ text: 'Bye.' }, { output_format: 'mp3' }, { webhook_url: 'https://example.com/hook' }]) {
    const response = await submit({ ...VALID, seed: 0, ...change }, once)
    assert.deepEqual([response.statusCode, response.json().code], [422, 'idempotency_conflict'])
  }
})

test('the URLs are those by which the caller reached the server', async () => {
  const plain = await buildScratchApp(db, { PUBLIC_URL: '' })
  const trusting = await buildScratchApp(db, { PUBLIC_URL: '', TRUST_PROXY: 'true' })
  const prefixed = await buildScratchApp(db, { PUBLIC_URL: 'https://voice.example/tts/' })
  const forwarded = { host: 'inside:8080', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tts.example.com' }
  for (const [application, base] of [
    [plain, 'http://inside:8080'],
    [trusting, 'https://tts.example.com'],
    [prefixed, 'https://voice.example/tts'],
  ] as const) {
    const calls = asyncCalls(application)
    const { request_id: id, ...urls } = await calls.submitOk(VALID, forwarded)
    assert.deepEqual(
      [urls.poll_url, urls.status_url, urls.response_url],
      [`${base}/v1/requests/${id}`, `${base}/v2/requests/${id}/status`, `${base}/v2/requests/${id}`],
    )
    await calls.reaches(id, 'COMPLETED')
    const result = await application.app.inject({
      url: `/v2/requests/${id}`,
      headers: { 'x-api-key': application.account.key, ...forwarded },
    })
    assert.ok(result.json().output.startsWith(`${base}/outputs/`), result.json().output)
  }
})
