// Thousands of bodies, headers and paths that no honest client sends: never a 5xx, never a hang, never a charge for a refusal.
// The seed is fixed, so that a failure is there again in the next run; the message holds the request.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import { errorBodySchema } from '../../src/contract/errors.ts'
import { SUBMIT_URL } from './async-calls.ts'
import { multipart } from './multipart-body.ts'
import { openScratchApp, SPEAK_URL, VALID } from './scratch-app.ts'

const SEED = 20_261_122
const IN_PARALLEL = 16
const HANG_MS = 120_000

const scratch = await openScratchApp({ MAX_BODY_MB: '1', MAX_QUEUED_REQUESTS: '1000' })
const { app, account } = scratch
const KEY = { 'x-api-key': account.key }
let spentMicro = 0

/** Sends all of them, some at a time. */
async function sendAll(requests: readonly InjectOptions[]): Promise<Map<number, number>> {
  const statuses = new Map<number, number>()
  const waiting = [...requests]
  const sendNext = async (): Promise<void> => {
    for (let request = waiting.pop(); request; request = waiting.pop()) {
      const response = await app.inject(request)
      const { statusCode: status, headers } = response
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      const what = JSON.stringify(request).slice(0, 2000)
      assert.ok(status < 500, `${status} for ${what}`)
      assert.match(String(headers['x-request-id']), /^[0-9a-f]{32}$/, what)
      const isHead = request.method === 'HEAD'
      if (status >= 400 && !isHead) {
        const body = errorBodySchema.strict().safeParse(response.json())
        assert.equal(body.data?.request_id, headers['x-request-id'], what)
        assert.equal(headers['x-cost'], undefined, what)
      }
      if (headers['idempotent-replayed'] === undefined) spentMicro += Math.round(Number(headers['x-cost'] ?? 0) * 1e6)
    }
  }
  await Promise.all(Array.from({ length: IN_PARALLEL }, sendNext))
  return statuses
}

const post = (payload: InjectOptions['payload'], headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: SPEAK_URL,
  headers: { ...KEY, 'content-type': 'application/json', ...headers },
  payload,
})
const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] =>
  fc.sample(arbitrary, { numRuns: count, seed: SEED })

const HOSTILE_TEXTS = [
  '',
  ' ',
  '\0',
  '\ud800',
  '\udfff\ud800',
  '🙂'.repeat(10_001),
  'a'.repeat(50_000),
  '../../etc/passwd',
  "'; drop table jobs; --",
  '[laugh',
  '{{7*7}}',
  '\u202e',
  '\r\nx-cost: 0',
]
const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    [],
    {},
    0,
    -0,
    -1,
    1e308,
    -1e308,
    5e-324,
    2 ** 53,
    -(2 ** 53),
    1.5,
    0.1 + 0.2,
  ),
  fc.constantFrom<unknown>(...HOSTILE_TEXTS),
  fc.jsonValue({ maxDepth: 4 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const FIELDS = [
  'text',
  'reference_audio',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'repetition_penalty',
  'seed',
  'norm_loudness',
  'output_format',
]
const hostileName = fc.oneof(
  fc.constantFrom(...FIELDS),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '', '\0', '\ud800'),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

test('arbitrary JSON', { timeout: HANG_MS }, async () => {
  const statuses = await sendAll(sample(fc.json({ maxDepth: 6 }), 500).map((body) => post(body)))
  assert.deepEqual([...statuses.keys()], [400])
})

test('valid bodies with some fields replaced by anything', { timeout: HANG_MS }, async () => {
  const bodies = sample(fc.array(fc.tuple(hostileName, hostileValue), { minLength: 1, maxLength: 3 }), 800).map(
    (changes) => {
      // Written as text, so that `__proto__` is a name like any other.
      const members = [...Object.entries(VALID), ...changes].map(
        ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
      )
      return post(`{${members.join(',')}}`)
    },
  )
  const statuses = await sendAll(bodies)
  assert.ok((statuses.get(200) ?? 0) > 50, 'some changes leave a valid body, which is answered')
  assert.ok((statuses.get(400) ?? 0) > 200)
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
})

test('valid bodies with bytes flipped, cut and inserted', { timeout: HANG_MS }, async () => {
  const valid = Buffer.from(JSON.stringify({ ...VALID, temperature: 0.7, seed: 7, norm_loudness: true }))
  await sendAll(sample(mutationsOf(valid), 300).map((bytes) => post(bytes)))
})

test('mutated bodies, paths and waits to the asynchronous API', { timeout: HANG_MS }, async () => {
  const valid = Buffer.from(JSON.stringify({ ...VALID, webhook_url: 'https://example.com/hook', retention: 'none' }))
  const queries = sample(
    fc.oneof(
      fc.webQueryParameters(),
      fc.double().map((wait) => `wait=${-Math.abs(wait)}`),
    ),
    100,
  )
  const ids = sample(fc.oneof(fc.stringMatching(/^[0-9a-fA-F-]{0,80}$/), fc.webSegment()), 100)
  await sendAll([
    ...sample(mutationsOf(valid), 150).map((bytes) => ({ ...post(bytes), url: SUBMIT_URL })),
    ...queries.map((query) => ({ url: `/v2/requests/${'0'.repeat(32)}/status?${query}`, headers: KEY })),
    ...ids.map((id) => ({ method: 'DELETE' as const, url: `/v2/requests/${id}`, headers: KEY })),
  ])
})

test('raw bytes, called JSON and called multipart', { timeout: HANG_MS }, async () => {
  const bytes = sample(fc.uint8Array({ maxLength: 400 }), 300).map((array) => Buffer.from(array))
  const statuses = await sendAll([
    ...bytes.slice(0, 150).map((body) => post(body)),
    ...bytes.slice(150).map((body) => post(body, { 'content-type': 'multipart/form-data; boundary=b' })),
  ])
  assert.deepEqual([...statuses.keys()], [400])
})

test('broken multipart bodies, to speech and to uploads', { timeout: HANG_MS }, async () => {
  const fields = [
    { name: 'text', value: 'Hello.' },
    { name: 'temperature', value: '0.9' },
    { name: 'reference_audio', file: Buffer.from('RIFF....WAVEfmt ') },
  ]
  const { payload, headers } = multipart(fields, 'b')
  const bodies = sample(mutationsOf(payload), 400)
  await sendAll([
    ...bodies.slice(0, 250).map((body) => post(body, headers)),
    ...bodies.slice(250).map((body) => ({ ...post(body, headers), url: '/v1/upload-asset' })),
  ])
})

test('uploads of anything', { timeout: HANG_MS }, async () => {
  const uris = sample(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String().map((text) => `data:audio/wav;base64,${text}`),
    ),
    150,
  )
  const statuses = await sendAll(
    uris.map((uri) => ({ ...post(JSON.stringify({ data_urls: [uri] })), url: '/v1/upload-asset' })),
  )
  assert.deepEqual([...statuses.keys()], [400])
})

test('content types, Accept, keys and ranges of any form', { timeout: HANG_MS }, async () => {
  const headerText = fc.string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  })
  const texts = sample(headerText, 300)
  await sendAll([
    ...texts.slice(0, 100).map((text) => post(JSON.stringify(VALID), { 'content-type': text })),
    ...texts
      .slice(100, 150)
      .map((text) => post(JSON.stringify(VALID), { accept: text, 'idempotency-key': text || 'k' })),
    ...texts.slice(150, 200).map((text) => post(JSON.stringify(VALID), { 'x-api-key': text, authorization: text })),
    ...texts.slice(200, 250).map((text) => ({ url: '/docs', headers: { host: text, 'x-forwarded-host': text } })),
    ...texts
      .slice(250)
      .map((text) => ({ url: `/outputs/${'0'.repeat(32)}.wav`, headers: { range: text, 'if-range': text } })),
  ])
})

test('paths and verbs of any form', { timeout: HANG_MS }, async () => {
  const path = fc.oneof(
    fc.webPath(),
    fc.string({ unit: 'grapheme-ascii', maxLength: 40 }).map((text) => `/v1/${encodeURI(text)}`),
    fc.constantFrom(
      '/v1/requests/',
      '/outputs/%2e%2e%2f',
      '/assets/..%2f..%2fetc%2fpasswd',
      '/%',
      '/v1/%00',
      '//',
      '/v1//x',
      '/?',
      '/#',
    ),
    fc.stringMatching(/^[0-9a-fA-F-]{0,80}$/).map((text) => `/v1/requests/${text}`),
  )
  const verb = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS')
  const requests = sample(fc.tuple(verb, path), 250).map(
    ([method, url]) => ({ method, url: url || '/', headers: KEY }) as InjectOptions,
  )
  const statuses = await sendAll(requests)
  for (const status of statuses.keys()) assert.ok([200, 404, 405, 406].includes(status), `${status}`)
})

test('nesting, numbers and sizes at the limits', { timeout: HANG_MS }, async () => {
  const deep = 200_000
  await sendAll(
    [
      '['.repeat(deep),
      `${'['.repeat(deep)}${']'.repeat(deep)}`,
      `{"text":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}`,
      `{"text":"a","seed":1${'0'.repeat(5000)}}`,
      `{"text":"a","temperature":1e999999}`,
      `{"text":"a","temperature":-1e-999999}`,
      `{"text":"${'\\u0000'.repeat(10_000)}"}`,
      `{${Array.from({ length: 40_000 }, (_, i) => `"k${i}":0`).join(',')}}`,
      `{${'"text":"a",'.repeat(40_000)}"text":"a"}`,
      `{"text":"a","reference_audio":"data:${';'.repeat(500_000)},"}`,
      `{"text":"a","reference_audio":"https://${'a.'.repeat(300_000)}"}`,
      `"${'x'.repeat(2 ** 20)}"`,
    ].map((body) => post(body)),
  )
})

test('bytes on the socket', { timeout: HANG_MS }, async () => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const valid = Buffer.from(
    `POST ${SPEAK_URL} HTTP/1.1\r\nHost: a\r\nx-api-key: ${account.key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  )
  for (const bytes of sample(mutationsOf(valid), 200)) {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => {}) // the server may close while we still write
    socket.end(bytes)
    await once(socket, 'close')
    for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3})/g)) assert.ok(Number(status) < 500, answer)
  }
})

test('after all of that the server answers, and only what was delivered was paid for', {
  timeout: HANG_MS,
}, async () => {
  assert.equal((await scratch.speak(VALID)).statusCode, 200)
  const asynchronous = scratch.db.selectFrom('jobs').where('mode', '=', 'async')
  while (await asynchronous.where('state', 'in', ['queued', 'running']).select('id').executeTakeFirst()) await sleep(50)
  const delivered = await asynchronous.where('state', '=', 'completed').select('charge_micro').execute()
  assert.ok(delivered.length > 0 && spentMicro > 0)
  spentMicro += delivered.reduce((total, job) => total + (job.charge_micro ?? 0), 0)
  assert.equal(await scratch.heldMicro(), 0)
  assert.equal(await scratch.balanceMicro(), 1_000_000 - 300 - spentMicro)
})

/** The bytes with a few places overwritten, removed, repeated or cut off. */
function mutationsOf(bytes: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.nat(bytes.length)
  const change = fc.record({
    kind: fc.constantFrom('overwrite', 'insert', 'remove', 'cut', 'repeat'),
    at: place,
    with: fc.uint8Array({ maxLength: 8 }),
    to: place,
  })
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce<Buffer>((body, { kind, at, with: added, to }) => {
      const [start, end] = [Math.min(at, to), Math.max(at, to)]
      switch (kind) {
        case 'overwrite':
          return Buffer.concat([body.subarray(0, at), added, body.subarray(at + added.length)])
        case 'insert':
          return Buffer.concat([body.subarray(0, at), added, body.subarray(at)])
        case 'remove':
          return Buffer.concat([body.subarray(0, start), body.subarray(end)])
        case 'repeat':
          return Buffer.concat([body.subarray(0, end), body.subarray(start)])
        default:
          return body.subarray(0, at)
      }
    }, bytes),
  )
}
