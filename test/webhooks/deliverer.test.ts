// Deliveries to real receivers: signed, repeated until they succeed, never at once by two, and never in each other's way.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { Webhook as Verifier } from 'standardwebhooks'
import { createMetrics } from '../../src/metrics.ts'
import { createPoster } from '../../src/outbound/guarded-post.ts'
import { judge } from '../../src/webhooks/attempt.ts'
import { claimDeliveries } from '../../src/webhooks/deliveries.ts'
import {
  addTestDelivery,
  type DeliveryFilter,
  listDeliveries,
  replayDelivery,
} from '../../src/webhooks/delivery-log.ts'
import { fanOutEvents } from '../../src/webhooks/fan-out.ts'
import { findAccountSecret, rotateAccountSecret } from '../../src/webhooks/secrets.ts'
import { createWebhook, findWebhook, rotateWebhookSecret, WEBHOOK_EVENTS } from '../../src/webhooks/webhooks.ts'
import { makeAccount, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { endJob, type Received, startReceiver, startTestDeliverer, until } from './receiver.ts'

const { db } = await openTestDatabase()
// A deliverer delivers all there is: nothing may be left of the test before.
beforeEach(() => sql`truncate webhooks, webhook_deliveries, webhook_attempts, job_events`.execute(db))

const watch = (
  account: TestAccount,
  url: string,
  events = WEBHOOK_EVENTS as readonly (typeof WEBHOOK_EVENTS)[number][],
) => createWebhook(db, { accountId: account.accountId, url, events, description: undefined })
const deliveriesOf = (account: TestAccount, filter: Partial<DeliveryFilter> = {}) =>
  listDeliveries(db, account.accountId, { limit: 100, ...filter })
const ended = (account: TestAccount, count = 1) =>
  until(`${count} deliveries have ended`, async () => {
    const all = await deliveriesOf(account)
    const isEnded = all.length === count && all.every(({ state }) => state !== 'pending')
    return isEnded ? all : undefined
  })
const verify = (secret: string, { body, headers }: Received) => new Verifier(secret).verify(body, headers)

test('a receiver may put the next attempt off, by an hour at most', async () => {
  const outcome = (retryAfterSeconds: number | undefined) =>
    judge({ statusCode: 503, error: 'It answered 503.', retryAfterSeconds }, 'completed', 20)
  assert.deepEqual(
    [undefined, 5, 120, 86_400].map((asked) => outcome(asked)),
    [20, 20, 120, 3600].map((delaySeconds) => ({ kind: 'retry', delaySeconds })),
  )
  const account = await makeAccount(db)
  for (const asked of ['1800', new Date(Date.now() + 1_800_000).toUTCString()]) {
    await sql`truncate webhooks, webhook_deliveries, webhook_attempts, job_events`.execute(db)
    await using receiver = await startReceiver((_, response) => response.writeHead(503, { 'retry-after': asked }).end())
    await watch(account, receiver.url)
    await using _ = startTestDeliverer(db)
    await endJob(db, account)
    const waits = await until('the attempt is recorded', async () => {
      const { rows } = await sql<{ seconds: number }>`
        select extract(epoch from due_at - now())::float8 as seconds from webhook_deliveries where tries = 1
      `.execute(db)
      return rows[0]?.seconds
    })
    assert.ok(waits > 1700 && waits <= 1801, `${asked}: ${waits} s`)
  }
})

test('each webhook that wants the event gets one message, signed with its own secret', async () => {
  const account = await makeAccount(db)
  const stranger = await makeAccount(db)
  await using receiver = await startReceiver()
  const { secret } = await watch(account, `${receiver.url}/all`)
  const failures = await watch(account, `${receiver.url}/failures`, ['failed'])
  await watch(account, `${receiver.url}/cancellations`, ['cancelled'])
  await watch(stranger, `${receiver.url}/stranger`)
  await using _ = startTestDeliverer(db)
  const jobId = await endJob(db, account, { kind: 'failed' })
  await ended(account, 2)
  assert.deepEqual(receiver.received.map(({ path }) => path).sort(), ['/hook/all', '/hook/failures'])
  const toAll = receiver.received.find(({ path }) => path === '/hook/all') as Received
  const message = verify(secret, toAll) as Record<string, unknown>
  assert.deepEqual(Object.keys(message), ['type', 'timestamp', 'data'])
  assert.deepEqual([message.type, message.data], ['request.failed', { status: 'COMPLETED', request_id: jobId }])
  assert.ok(Math.abs(Date.parse(String(message.timestamp)) - Date.now()) < 60_000)
  assert.equal(toAll.headers['content-type'], 'application/json')
  assert.throws(() => verify(failures.secret, toAll), /No matching signature/)
  assert.throws(() => verify(secret, { ...toAll, body: toAll.body.replace('failed', 'completed') }), /No matching/)
})

test('the URL of a request gets its event, signed with the secret of the account', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver()
  await using _ = startTestDeliverer(db)
  const jobId = await endJob(db, account, { kind: 'completed', webhookUrl: receiver.url })
  await endJob(db, account, { kind: 'completed' })
  const [delivery] = await ended(account)
  assert.deepEqual([delivery?.jobId, delivery?.webhookId, delivery?.event], [jobId, null, 'completed'])
  assert.equal(receiver.received.length, 1)
  const { secret } = await findAccountSecret(db, account.accountId)
  assert.ok(verify(secret, receiver.received[0] as Received))
})

test('an event is told of once, however many processes look for it', async () => {
  const account = await makeAccount(db)
  await watch(account, 'https://receiver.example/')
  await Promise.all(Array.from({ length: 50 }, () => endJob(db, account)))
  const taken = await Promise.all(Array.from({ length: 8 }, () => fanOutEvents(db)))
  assert.equal(taken.reduce((sum, events) => sum + events, 0) + (await fanOutEvents(db)), 50)
  const made = await deliveriesOf(account)
  assert.equal(new Set(made.map(({ jobId }) => jobId)).size, 50)
  assert.equal(made.length, 50)
  assert.deepEqual((await sql`select from job_events`.execute(db)).rows, [])
})

test('what fails is tried again under the same webhook-id until it is answered with 2xx', async () => {
  const account = await makeAccount(db)
  const statuses = [500, 404, 204]
  await using receiver = await startReceiver((_, response) =>
    response.writeHead(statuses.shift() ?? 500).end('Moment!'),
  )
  const { secret } = await watch(account, receiver.url)
  const metrics = createMetrics()
  await using _ = startTestDeliverer(db, { metrics })
  await endJob(db, account)
  const [delivery] = await ended(account)
  assert.equal(delivery?.state, 'delivered')
  assert.deepEqual(
    delivery.attempts.map(({ number, statusCode, error }) => [number, statusCode, error]),
    [
      [1, 500, 'It answered 500.'],
      [2, 404, 'It answered 404.'],
      [3, 204, null],
    ],
  )
  assert.equal(delivery.attempts[0]?.answer, 'Moment!')
  assert.ok(Number.isInteger(delivery.attempts[0]?.milliseconds))
  assert.equal(receiver.received.length, 3)
  for (const message of receiver.received) {
    assert.equal(message.headers['webhook-id'], delivery.id)
    assert.ok(verify(secret, message))
  }
  const { values } = await metrics.webhookAttempts.get()
  assert.deepEqual(Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value])), {
    retry: 2,
    delivered: 1,
  })
})

test('after the last retry it is given up; a replay begins anew under the same webhook-id', async () => {
  const account = await makeAccount(db)
  let status = 503
  await using receiver = await startReceiver((_, response) => response.writeHead(status).end())
  await watch(account, receiver.url)
  await using deliverer = startTestDeliverer(db)
  await endJob(db, account)
  const [given] = await ended(account)
  assert.deepEqual([given?.state, given?.attempts.length], ['failed', 4])
  status = 200
  const id = given?.id ?? ''
  assert.equal(await replayDelivery(db, (await makeAccount(db)).accountId, id), undefined)
  assert.equal((await replayDelivery(db, account.accountId, id))?.state, 'pending')
  deliverer.wake()
  const [replayed] = await ended(account)
  assert.deepEqual([replayed?.state, replayed?.attempts.length], ['delivered', 5])
  assert.deepEqual([...new Set(receiver.received.map(({ headers }) => headers['webhook-id']))], [id])
})

test('410 disables the webhook and gives up what waits for it; a test that succeeds enables it', async () => {
  const account = await makeAccount(db)
  let status = 410
  await using receiver = await startReceiver((_, response) => response.writeHead(status).end())
  const { webhook } = await watch(account, receiver.url)
  const other = await watch(account, `${receiver.url}/other`, ['cancelled'])
  await Promise.all(Array.from({ length: 20 }, () => endJob(db, account)))
  await fanOutEvents(db)
  await using deliverer = startTestDeliverer(db)
  const all = await ended(account, 20)
  assert.ok(all.every(({ state }) => state === 'failed'))
  assert.ok(receiver.received.length < 20, `${receiver.received.length} messages`)
  assert.ok((await findWebhook(db, account.accountId, webhook.id))?.disabledAt)
  assert.equal((await findWebhook(db, account.accountId, other.webhook.id))?.disabledAt, null)
  await endJob(db, account)
  await until(
    'the event is taken',
    async () => (await sql`select from job_events`.execute(db)).rows.length === 0 || undefined,
  )
  assert.equal((await deliveriesOf(account)).length, 20)

  status = 200
  await addTestDelivery(db, account.accountId, webhook.id)
  deliverer.wake()
  const [tested] = await ended(account, 21)
  assert.deepEqual([tested?.event, tested?.state], ['test', 'delivered'])
  assert.deepEqual(JSON.parse(receiver.received.at(-1)?.body ?? '').data, { webhook_id: webhook.id })
  assert.equal((await findWebhook(db, account.accountId, webhook.id))?.disabledAt, null)
})

test('a test is tried once', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver((_, response) => response.writeHead(500).end())
  const { webhook } = await watch(account, receiver.url)
  await using _ = startTestDeliverer(db)
  await addTestDelivery(db, account.accountId, webhook.id)
  const [tested] = await ended(account)
  assert.deepEqual([tested?.state, tested?.attempts.length], ['failed', 1])
})

test('redirects are not followed', async () => {
  const account = await makeAccount(db)
  await using target = await startReceiver()
  await using receiver = await startReceiver((_, response) => response.writeHead(307, { location: target.url }).end())
  await watch(account, receiver.url)
  await using _ = startTestDeliverer(db, { retryDelaysSeconds: [] })
  await endJob(db, account)
  const [delivery] = await ended(account)
  assert.deepEqual([delivery?.state, delivery?.attempts[0]?.statusCode], ['failed', 307])
  assert.match(delivery?.attempts[0]?.error ?? '', /not followed/)
  assert.equal(target.received.length, 0)
})

test('private addresses and http: are refused by default, whatever the database says', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver()
  const { port } = new URL(receiver.url)
  await watch(account, receiver.url)
  await watch(account, `https://127.0.0.1/`)
  await watch(account, 'https://localhost/')
  const poster = createPoster({ allowHttp: false, allowPrivate: false, timeoutMs: 5000, maxAnswerBytes: 100 })
  await using _ = startTestDeliverer(db, { poster, retryDelaysSeconds: [] })
  await endJob(db, account)
  const all = await ended(account, 3)
  const errors = new Map(all.map(({ url, attempts }) => [new URL(url).host, attempts[0]?.error]))
  assert.equal(errors.get(`127.0.0.1:${port}`), 'URL must use https:, not http:.')
  assert.equal(errors.get('127.0.0.1'), 'URL must lead to a public address.')
  assert.equal(errors.get('localhost'), 'Its host could not be reached.')
  assert.equal(receiver.received.length, 0)
})

test('a receiver that never answers holds up neither another receiver nor another account', async () => {
  const [account, neighbour] = [await makeAccount(db), await makeAccount(db)]
  let atOnce = 0
  await using slow = await startReceiver(() => atOnce++)
  await using fast = await startReceiver()
  await watch(account, slow.url)
  const { webhook } = await watch(account, fast.url)
  await watch(neighbour, fast.url)
  await Promise.all(Array.from({ length: 30 }, () => endJob(db, account)))
  await fanOutEvents(db)
  const poster = createPoster({ allowHttp: true, allowPrivate: true, timeoutMs: 60_000, maxAnswerBytes: 100 })
  await using _ = startTestDeliverer(db, { poster })
  await until('the slow one has all it gets at once', () => atOnce >= 4 || undefined)
  await endJob(db, neighbour)
  await ended(neighbour)
  await until('all other messages have arrived', async () => {
    const fastOnes = await deliveriesOf(account, { webhookId: webhook.id })
    return fastOnes.every(({ state }) => state === 'delivered') || undefined
  })
  assert.equal(atOnce, 4)
})

test('two deliverers never make one attempt at the same time', async () => {
  const account = await makeAccount(db)
  const open = new Set<string>()
  const overlaps: string[] = []
  let answers = 0
  await using receiver = await startReceiver(async ({ headers }, response) => {
    const id = headers['webhook-id'] ?? ''
    if (open.has(id)) overlaps.push(id)
    open.add(id)
    await new Promise((resolve) => setTimeout(resolve, 5))
    open.delete(id)
    response.writeHead(answers++ % 3 === 0 ? 500 : 200).end()
  })
  await watch(account, receiver.url)
  await Promise.all(Array.from({ length: 60 }, () => endJob(db, account)))
  await using _first = startTestDeliverer(db, { retryDelaysSeconds: Array(20).fill(0) })
  await using _second = startTestDeliverer(db, { retryDelaysSeconds: Array(20).fill(0) })
  const all = await ended(account, 60)
  assert.deepEqual(overlaps, [])
  assert.ok(all.every(({ state }) => state === 'delivered'))
  const attempts = all.reduce((sum, { attempts: { length } }) => sum + length, 0)
  assert.equal(attempts, receiver.received.length)
})

test('a process that dies between sending and writing repeats the message under the same webhook-id', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver()
  await watch(account, receiver.url)
  const jobId = await endJob(db, account)
  await fanOutEvents(db)
  // What the dead process did: it claimed and sent.
  const claim = { slots: 1, leaseSeconds: 60, busyLanes: [], busyAccounts: [] }
  const [claimed] = (await claimDeliveries(db, claim)).filter((delivery) => delivery.jobId === jobId)
  assert.ok(claimed)
  await fetch(receiver.url, { method: 'POST', headers: { 'webhook-id': claimed.id }, body: '{}' })
  assert.deepEqual(await claimDeliveries(db, { ...claim, slots: 10 }), [], 'nobody else has it meanwhile')
  await sql`update webhook_deliveries set due_at = now() where id = ${claimed.id}`.execute(db)
  await using _ = startTestDeliverer(db)
  const [delivery] = await ended(account)
  assert.deepEqual([delivery?.id, delivery?.state, delivery?.attempts.length], [claimed.id, 'delivered', 1])
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers['webhook-id']),
    [claimed.id, claimed.id],
  )
})

test('a process that stops breaks off what does not end and leaves it to the others', async () => {
  const account = await makeAccount(db)
  let isSlow = true
  await using receiver = await startReceiver((_, response) => (isSlow ? undefined : response.end()))
  await watch(account, receiver.url)
  const stopping = startTestDeliverer(db)
  await endJob(db, account)
  await until('the message has arrived', () => receiver.received.length > 0 || undefined)
  await stopping[Symbol.asyncDispose]()
  isSlow = false
  await using _ = startTestDeliverer(db)
  const [delivery] = await ended(account)
  assert.deepEqual([delivery?.state, delivery?.attempts.length], ['delivered', 1])
})

test('after a rotation both secrets verify until the overlap is over', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver()
  const { webhook, secret: old } = await watch(account, receiver.url)
  const { secret: oldOfAccount } = await findAccountSecret(db, account.accountId)
  const rotated = await rotateWebhookSecret(db, account.accountId, webhook.id)
  const { secret: newOfAccount } = await rotateAccountSecret(db, account.accountId)
  assert.ok(rotated && rotated.secret !== old && newOfAccount !== oldOfAccount)
  assert.ok(Math.abs(rotated.previousUntil.getTime() - Date.now() - 24 * 3_600_000) < 60_000)
  await using _ = startTestDeliverer(db)
  const send = async (count: number) => {
    await endJob(db, account, { webhookUrl: `${receiver.url}/request` })
    await ended(account, count)
    const messages = receiver.received.slice(-2)
    const find = (path: string) => messages.find((message) => message.path === path) as Received
    return { own: find('/hook'), ofRequest: find('/hook/request') }
  }
  const during = await send(2)
  for (const secret of [old, rotated.secret]) assert.ok(verify(secret, during.own))
  for (const secret of [oldOfAccount, newOfAccount]) assert.ok(verify(secret, during.ofRequest))
  await sql`update webhooks set previous_until = now() where previous_until is not null`.execute(db)
  await sql`update webhook_secrets set previous_until = now() where previous_until is not null`.execute(db)
  const later = await send(4)
  assert.ok(verify(rotated.secret, later.own) && verify(newOfAccount, later.ofRequest))
  assert.throws(() => verify(old, later.own), /No matching/)
  assert.throws(() => verify(oldOfAccount, later.ofRequest), /No matching/)
})

test('a request that has expired is not told of', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver()
  await watch(account, receiver.url)
  await using _ = startTestDeliverer(db, { describeRequest: async () => undefined })
  await endJob(db, account)
  const [delivery] = await ended(account)
  assert.equal(delivery?.state, 'failed')
  assert.match(delivery.attempts[0]?.error ?? '', /expired/)
  assert.equal(receiver.received.length, 0)
})

test('of an answer only the beginning is read, however long it is', async () => {
  const account = await makeAccount(db)
  await using receiver = await startReceiver((_, response) => {
    const more = () => {
      while (response.write('\0é'.repeat(4096))) {}
    }
    response.on('drain', more).on('error', () => {})
    more()
  })
  await watch(account, receiver.url)
  await using _ = startTestDeliverer(db)
  await endJob(db, account)
  const [delivery] = await ended(account)
  assert.equal(delivery?.state, 'delivered')
  assert.match(delivery.attempts[0]?.answer ?? '', /^(\uFFFDé)+/)
  assert.ok((delivery.attempts[0]?.answer ?? '').length <= 1024)
})
