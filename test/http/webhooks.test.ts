// /v1/webhooks: registering, testing, reading the log, replaying; and what a receiver is told about a request.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook as Verifier } from 'standardwebhooks'
import { completedRequestSchema } from '../../src/contract/requests.ts'
import {
  createdWebhookSchema,
  deliveryListSchema,
  deliverySchema,
  removedWebhookSchema,
  rotatedSecretSchema,
  webhookListSchema,
  webhookSecretSchema,
} from '../../src/contract/webhooks.ts'
import { describeEnded } from '../../src/http/describe-ended.ts'
import { makeAccount } from '../harness/accounts.ts'
import { endJob, type Received, startReceiver, startTestDeliverer, until } from '../webhooks/receiver.ts'
import { buildScratchApp, openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOW_PRIVATE: 'true' })
const { app, db, account } = scratch
const URL_OF_NOBODY = 'https://receiver.example/hook'

const call = (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object, key = account.key) =>
  app.inject({ method, url: `/v1/webhooks${path}`, headers: { 'x-api-key': key }, ...(payload ? { payload } : {}) })
const create = async (body: object, key?: string) =>
  createdWebhookSchema.strict().parse((await call('POST', '', body, key)).json())
const deliveries = async (query: string, key?: string) =>
  deliveryListSchema.strict().parse((await call('GET', `/deliveries${query}`, undefined, key)).json())

test('a webhook is registered with a secret that is shown once', async () => {
  const { key } = await makeAccount(db)
  const made = await create({ url: URL_OF_NOBODY, events: ['failed', 'failed'], description: 'Mine' }, key)
  assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.deepEqual([made.url, made.events, made.description], [URL_OF_NOBODY, ['failed'], 'Mine'])
  const { secret, ...shown } = made
  const list = (await call('GET', '', undefined, key)).json()
  assert.deepEqual(webhookListSchema.strict().parse(list), { webhooks: [shown] })
  assert.ok(!JSON.stringify(list).includes(secret))
  assert.deepEqual((await create({ url: URL_OF_NOBODY }, key)).events, ['completed', 'failed', 'cancelled'])
})

const REFUSED: readonly (readonly [body: object, code: string, param: string])[] = [
  [{}, 'missing_parameter', 'url'],
  [{ url: '' }, 'invalid_parameter', 'url'],
  [{ url: 7 }, 'invalid_parameter', 'url'],
  [{ url: 'nonsense' }, 'invalid_parameter', 'url'],
  [{ url: 'ftp://receiver.example/' }, 'invalid_parameter', 'url'],
  [{ url: 'https://user:password@receiver.example/' }, 'invalid_parameter', 'url'],
  [{ url: `https://receiver.example/${'x'.repeat(2048)}` }, 'invalid_parameter', 'url'],
  [{ url: URL_OF_NOBODY, events: [] }, 'invalid_parameter', 'events'],
  [{ url: URL_OF_NOBODY, events: 'failed' }, 'invalid_parameter', 'events'],
  [{ url: URL_OF_NOBODY, events: ['started'] }, 'invalid_parameter', 'events'],
  [{ url: URL_OF_NOBODY, description: 'a\0b' }, 'invalid_parameter', 'description'],
]
for (const [body, code, param] of REFUSED) {
  test(`${JSON.stringify(body).slice(0, 60)} is refused`, async () => {
    const answer = (await call('POST', '', body)).json()
    assert.deepEqual([answer.code, answer.param], [code, param], answer.error)
  })
}

test('by default a webhook leads to a public address over TLS', async () => {
  const usual = await buildScratchApp(db)
  for (const url of [
    'http://receiver.example/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://receiver.example:22/',
  ]) {
    const answer = await usual.app.inject({
      method: 'POST',
      url: '/v1/webhooks',
      headers: { 'x-api-key': usual.account.key },
      payload: { url },
    })
    assert.deepEqual([answer.statusCode, answer.json().param], [400, 'url'], url)
    assert.match(answer.json().error, /^url: URL must /)
  }
})

test('only JSON is taken', async () => {
  const headers = { 'x-api-key': account.key, 'content-type': 'multipart/form-data; boundary=x' }
  const answer = await app.inject({ method: 'POST', url: '/v1/webhooks', headers, payload: '--x--' })
  assert.equal(answer.json().code, 'invalid_content_type')
})

test('an account has at most 50 webhooks', async () => {
  const { key } = await makeAccount(db)
  for (let made = 0; made < 50; made++) await create({ url: URL_OF_NOBODY }, key)
  const answer = (await call('POST', '', { url: URL_OF_NOBODY }, key)).json()
  assert.match(answer.error, /at most 50 webhooks/)
})

test('another account finds nothing of it', async () => {
  const { id } = await create({ url: URL_OF_NOBODY })
  const delivery = (await call('POST', `/${id}/test`)).json()
  const { key } = await makeAccount(db)
  for (const [method, path] of [
    ['DELETE', `/${id}`],
    ['POST', `/${id}/test`],
    ['POST', `/${id}/rotate-secret`],
    ['POST', `/deliveries/${delivery.id}/replay`],
    ['DELETE', '/nonsense'],
  ] as const) {
    const answer = await call(method, path, undefined, key)
    assert.deepEqual([answer.statusCode, answer.json().code], [404, 'not_found'], path)
  }
  assert.deepEqual(await deliveries(`?webhook_id=${id}`, key), { deliveries: [], next: null })
  assert.deepEqual(removedWebhookSchema.strict().parse((await call('DELETE', `/${id}`)).json()), { id, deleted: true })
  assert.deepEqual(await deliveries(`?webhook_id=${id}`), { deliveries: [], next: null })
})

test('secrets are rotated, and the one for requests can be read', async () => {
  const { key } = await makeAccount(db)
  const { id, secret } = await create({ url: URL_OF_NOBODY }, key)
  const rotated = rotatedSecretSchema
    .strict()
    .parse((await call('POST', `/${id}/rotate-secret`, undefined, key)).json())
  assert.notEqual(rotated.secret, secret)
  const first = webhookSecretSchema.strict().parse((await call('GET', '/secret', undefined, key)).json())
  assert.deepEqual((await call('GET', '/secret', undefined, key)).json(), first)
  const second = rotatedSecretSchema.strict().parse((await call('POST', '/secret/rotate', undefined, key)).json())
  assert.notEqual(second.secret, first.secret)
  assert.equal((await call('GET', '/secret', undefined, key)).json().secret, second.secret)
})

test('a receiver is told what a poll is answered, and the log has it by request, webhook, status and page', async () => {
  await using receiver = await startReceiver()
  const own = await create({ url: `${receiver.url}/own` })
  const made = (await scratch.speak(VALID, { accept: 'application/json' })).json()
  const others = [await endJob(db, account, { kind: 'cancelled' }), await endJob(db, account)]
  await using _ = startTestDeliverer(db, {
    describeRequest: (accountId, jobId) => describeEnded(db, accountId, jobId, 'https://tts.example'),
  })
  await db
    .insertInto('job_events')
    .values({ job_id: made.request_id, account_id: account.accountId, kind: 'completed' })
    .execute()
  await until('all are delivered', async () => {
    const { deliveries: found } = await deliveries(`?webhook_id=${own.id}&status=delivered`)
    return found.length === 3 || undefined
  })
  for (const id of [made.request_id, ...others]) {
    const [delivery] = (await deliveries(`?request_id=${id}&webhook_id=${own.id}`)).deliveries
    const message = receiver.received.find(({ headers }) => headers['webhook-id'] === delivery?.id) as Received
    const verified = new Verifier(own.secret).verify(message.body, message.headers) as Record<string, unknown>
    const poll = await app.inject({ url: `/v1/requests/${id}`, headers: { 'x-api-key': account.key } })
    assert.equal(verified.type, delivery?.type)
    assert.deepEqual(verified.data, poll.json())
  }
  const told = JSON.parse(receiver.received.find(({ body }) => body.includes('"request.completed"'))?.body ?? '{}')
  assert.ok(completedRequestSchema.strict().parse(told.data))
  const first = await deliveries(`?webhook_id=${own.id}&limit=2`)
  assert.equal(first.deliveries.length, 2)
  const rest = await deliveries(`?webhook_id=${own.id}&limit=2&before=${first.next}`)
  assert.deepEqual([rest.deliveries.length, rest.next], [1, null])
  assert.equal(new Set([...first.deliveries, ...rest.deliveries].map(({ id }) => id)).size, 3)

  const [again] = rest.deliveries
  const replayed = deliverySchema.parse((await call('POST', `/deliveries/${again?.id}/replay`)).json())
  assert.deepEqual([replayed.status, replayed.attempts.length], ['pending', 1])
  await until('it has arrived twice', () => {
    const times = receiver.received.filter(({ headers }) => headers['webhook-id'] === again?.id).length
    return times === 2 || undefined
  })
})

test('a query that means nothing is refused', async () => {
  for (const [query, param] of [
    ['?status=lost', 'status'],
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?limit=many', 'limit'],
    ['?request_id=a&request_id=b', 'request_id'],
  ]) {
    const answer = (await call('GET', `/deliveries${query}`)).json()
    assert.deepEqual([answer.code, answer.param], ['invalid_parameter', param], query)
  }
  assert.deepEqual((await deliveries('?request_id=%00&webhook_id=nonsense')).deliveries, [])
})
