// Tries again, deadlines, aborts and refusals of the client, against a server that misbehaves as it is told to.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { after, test } from 'node:test'
import { ChatterboxError, createClient } from '../../src/client/client.ts'
import { createConnection } from '../../src/client/connection.ts'
import { readJson } from '../../src/client/speech.ts'
import { listenLocally } from '../harness/local-server.ts'

let answer: RequestListener = (_, response) => response.end()
const asked: IncomingMessage[] = []
const server = createServer((request, response) => {
  asked.push(request)
  request.resume().on('end', () => answer(request, response))
})
const local = await listenLocally(server)
after(() => local[Symbol.asyncDispose]())
const baseUrl = `http://127.0.0.1:${local.port}`
const PARAMETERS = { text: 'Hello.', reference_audio: 'voice:ada' }

/** A connection that writes down its pauses instead of making them. */
function connect(settings: { retries?: number; timeoutSeconds?: number } = {}) {
  const pauses: number[] = []
  const connection = createConnection(
    { baseUrl, apiKey: 'k', retries: 3, timeoutSeconds: 60, fetch, ...settings },
    async (ms, signal) => {
      signal?.throwIfAborted()
      pauses.push(ms)
    },
  )
  asked.length = 0
  return {
    pauses,
    call: (repeatable: boolean, method: 'GET' | 'POST' = 'POST') =>
      connection.call({ method, path: 'v1/x', repeatable }, {}, readJson),
  }
}
const refuse =
  (status: number, body: object = {}, headers = {}): RequestListener =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
/** The first answers in turn, then the last for ever. */
const inTurn = (...answers: RequestListener[]): RequestListener => {
  let next = 0
  return (request, response) => answers[Math.min(next++, answers.length - 1)]?.(request, response)
}
const hangUp: RequestListener = (request) => request.socket.destroy()
const succeed = refuse(200, { fine: true })
const failure = async (work: Promise<unknown>): Promise<ChatterboxError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ChatterboxError, String(error))
  return error
}

test('what can be repeated is tried again after a lost connection, 429, 502 and 503, with longer pauses', async () => {
  answer = inTurn(hangUp, refuse(502), refuse(503, { error: 'Draining.', code: 'unavailable' }), succeed)
  const { call, pauses } = connect()
  assert.deepEqual(await call(true), { fine: true })
  assert.equal(asked.length, 4)
  assert.ok(
    pauses.every((ms, i) => ms >= 250 * 2 ** i && ms <= 500 * 2 ** i),
    pauses.join(),
  )
})

test('the pause is at least what Retry-After asks for', async () => {
  answer = inTurn(refuse(429, { error: 'Too many.', code: 'rate_limit_exceeded' }, { 'retry-after': '7' }), succeed)
  const { call, pauses } = connect()
  await call(true)
  assert.equal(pauses.length, 1)
  assert.ok((pauses[0] ?? 0) >= 7000 && (pauses[0] ?? 0) < 8000)
})

test('a pause that would outlast the deadline is not made: the refusal is thrown at once', async () => {
  answer = refuse(429, { error: 'Too many.', code: 'overloaded' }, { 'retry-after': '60' })
  const { call, pauses } = connect({ timeoutSeconds: 30 })
  const { code, status, retryAfterSeconds } = await failure(call(true))
  assert.deepEqual([code, status, retryAfterSeconds, pauses.length, asked.length], ['overloaded', 429, 60, 0, 1])
})

test('what cannot be repeated is sent once, whatever becomes of it', async () => {
  for (const outcome of [hangUp, refuse(503)]) {
    answer = outcome
    const { call } = connect()
    await failure(call(false))
    assert.equal(asked.length, 1)
  }
})

test('tries end, and what the last one met is thrown', async () => {
  answer = inTurn(refuse(503), hangUp)
  const { call } = connect({ retries: 2 })
  const { code, status, message } = await failure(call(true))
  assert.deepEqual([code, status, asked.length], ['unreachable', 0, 3])
  assert.match(message, /no answer from http:/)
})

test('a refusal that will stay one is not asked for again, and names field, request and code', async () => {
  const body = { error: 'seed must be an integer.', code: 'invalid_parameter', param: 'seed', request_id: 'ab12' }
  for (const status of [400, 406, 422, 500, 504]) {
    answer = refuse(status, body)
    const { call } = connect()
    const error = await failure(call(true))
    assert.deepEqual(
      [error.code, error.status, error.field, error.requestId, error.message, asked.length],
      ['invalid_parameter', status, 'seed', 'ab12', body.error, 1],
    )
  }
})

test("a page where JSON should be is an unexpected answer, and so is a proxy's refusal", async () => {
  answer = (_, response) => response.writeHead(200).end('<html>')
  assert.equal((await failure(connect().call(true))).code, 'unexpected_answer')
  answer = (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<html>')
  const { code, status } = await failure(connect().call(true))
  assert.deepEqual([code, status], ['unexpected_answer', 403])
})

test('a repeated POST carries the same idempotency key and body, another call another key', async () => {
  const client = createClient({ baseUrl, apiKey: 'k' })
  asked.length = 0
  answer = inTurn(refuse(503, {}, { 'retry-after': '0' }), refuse(400))
  await failure(client.submit(PARAMETERS))
  await failure(client.submit(PARAMETERS))
  const keys = asked.map(({ headers }) => headers['idempotency-key'])
  assert.match(String(keys[0]), /^[0-9a-f]{32}$/)
  assert.equal(keys[1], keys[0])
  assert.notEqual(keys[2], keys[0])
})

test('the deadline ends a call that gets no answer', async () => {
  answer = () => {}
  const { code } = await failure(createClient({ baseUrl, apiKey: 'k', timeoutSeconds: 0.05 }).credits())
  assert.equal(code, 'client_timeout')
})

test('an aborted signal ends a call with its reason: before it, in the middle, and in a pause', async () => {
  const client = createClient({ baseUrl, apiKey: 'k' })
  const reason = new Error('enough')
  asked.length = 0
  await assert.rejects(client.credits({ signal: AbortSignal.abort(reason) }), reason)
  assert.equal(asked.length, 0)
  const hanging = new AbortController()
  answer = () => hanging.abort(reason)
  await assert.rejects(client.credits({ signal: hanging.signal }), reason)
  const pausing = new AbortController()
  answer = (request, response) => {
    response.on('close', () => setImmediate(() => pausing.abort(reason)))
    refuse(503, {}, { 'retry-after': '50' })(request, response)
  }
  await assert.rejects(client.credits({ signal: pausing.signal }), reason)
})

test('a stream that is closed politely, without its end, throws: it never looks like success', async () => {
  const head = { 'x-request-id': 'ab12', 'x-seed-value': '42', 'x-model': 'preview' }
  const delta = `: a comment\n\nevent: speech.audio.delta\ndata: ${JSON.stringify({ type: 'speech.audio.delta', audio: 'AAEC' })}\n\n`
  answer = inTurn(
    (_, response) => response.writeHead(200, head).end(delta),
    refuse(422, { error: 'The request was cancelled.', code: 'cancelled' }),
  )
  asked.length = 0
  const stream = await createClient({ baseUrl, apiKey: 'k' }).stream({ ...PARAMETERS, output_format: 'pcm' })
  const parts: Uint8Array[] = []
  const reading = async () => {
    for await (const part of stream) parts.push(part)
  }
  const { code, requestId, message } = await failure(reading())
  assert.deepEqual([code, requestId, stream.totals], ['broken_off', 'ab12', undefined])
  assert.match(message, /after 3 bytes/)
  assert.deepEqual(parts, [Uint8Array.of(0, 1, 2)])
  assert.deepEqual([asked.length, asked[1]?.url], [2, '/v2/requests/ab12/status'])
})

test('a stream that is taken up again as another one throws', async () => {
  const head = { 'x-request-id': 'ab12', 'x-seed-value': '42', 'x-model': 'preview' }
  const delta = (audio: string) => `data: ${JSON.stringify({ type: 'speech.audio.delta', audio })}\n\n`
  answer = inTurn(
    (_, response) => response.writeHead(200, head).end(delta('AAEC')),
    refuse(200, { status: 'PROCESSING' }),
    (_, response) => response.writeHead(200, head).end(delta('AAED') + delta('BAUG')),
  )
  const stream = await createClient({ baseUrl, apiKey: 'k' }).stream(PARAMETERS)
  const reading = async () => {
    for await (const _ of stream);
  }
  assert.match((await failure(reading())).message, /has become another one/)
})

test('a base URL may have a path, with or without a slash at its end', async () => {
  answer = refuse(200, { credits: 1 })
  for (const base of [`${baseUrl}/tts`, `${baseUrl}/tts/`]) {
    asked.length = 0
    await createClient({ baseUrl: base, apiKey: 'the key' }).credits()
    assert.deepEqual([asked[0]?.url, asked[0]?.headers['x-api-key']], ['/tts/v1/get-user-credits', 'the key'])
  }
})
