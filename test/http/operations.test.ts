// Health, readiness, metrics, draining, and the one log line of a request.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectLog } from '../harness/collected-log.ts'
import { buildScratchApp, openScratchApp, REFERENCE, VALID } from './scratch-app.ts'

const { log, lines } = collectLog('info')
const scratch = await openScratchApp({ ADMIN_TOKEN: 'let-me-in' }, log)
const { app, health, account } = scratch

test('the process is alive, whatever else is not', async () => {
  health.databaseIsUp = false
  const response = await app.inject('/healthz')
  health.databaseIsUp = true
  assert.deepEqual([response.statusCode, response.json()], [200, { status: 'ok' }])
})

test('ready is 503 as long as the database does not answer', async () => {
  assert.equal((await app.inject('/readyz')).json().status, 'ready')
  health.databaseIsUp = false
  const response = await app.inject('/readyz')
  health.databaseIsUp = true
  assert.deepEqual([response.statusCode, response.json().code], [503, 'unavailable'])
})

test('a draining server refuses all but the questions about itself, and closes connections', async () => {
  health.draining = true
  const refused = [await scratch.speak(VALID), await app.inject('/v1/get-user-credits'), await app.inject('/docs')]
  const [alive, ready, metrics] = [
    await app.inject('/healthz'),
    await app.inject('/readyz'),
    await app.inject('/metrics'),
  ]
  health.draining = false
  for (const response of refused) {
    assert.deepEqual([response.statusCode, response.json().error], [503, 'Service temporarily unavailable'])
    assert.deepEqual([response.headers.connection, response.headers['retry-after']], ['close', '1'])
    assert.equal(response.headers['x-request-id'], response.json().request_id)
  }
  assert.deepEqual([alive.statusCode, ready.statusCode, metrics.statusCode], [200, 503, 200])
})

test('metrics are open on this machine, and elsewhere only with the token', async () => {
  const statusFor = async (remoteAddress: string, headers: Record<string, string> = {}) =>
    (await app.inject({ url: '/metrics', remoteAddress, headers })).statusCode
  for (const local of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.equal(await statusFor(local), 200, local)
  assert.equal(await statusFor('10.0.0.7'), 403)
  assert.equal(await statusFor('10.0.0.7', { authorization: 'Bearer let-me-in' }), 200)
  assert.equal(await statusFor('10.0.0.7', { authorization: 'Bearer let-me-on' }), 403)
  assert.equal(await statusFor('10.0.0.7', { authorization: `Bearer ${account.key}` }), 403)
})

test('behind a proxy on this machine nobody is local, whatever the headers say', async () => {
  for (const trust of ['true', 'false']) {
    const proxied = await buildScratchApp(scratch.db, { TRUST_PROXY: trust })
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
      const response = await proxied.app.inject({ url: '/metrics', headers: { [name]: '127.0.0.1' } })
      assert.equal(response.statusCode, 403, `${name}, TRUST_PROXY=${trust}`)
    }
  }
})

test('requests are counted by registered route, status and code', async () => {
  await scratch.speak(VALID)
  await scratch.speak({ ...VALID, seed: 'x' })
  await app.inject('/somewhere/else')
  const { body, headers } = await app.inject('/metrics')
  assert.match(String(headers['content-type']), /^text\/plain/)
  assert.match(body, /chatterbox_requests_total\{route="\/v1\/chatterbox-turbo-tts",status="200",code=""\} 1\n/)
  assert.match(
    body,
    /chatterbox_requests_total\{route="\/v1\/chatterbox-turbo-tts",status="400",code="invalid_parameter"\} 1\n/,
  )
  assert.match(body, /chatterbox_requests_total\{route="unknown",status="404",code="not_found"\} 1\n/)
  assert.match(body, /chatterbox_time_to_first_byte_seconds_count\{route="\/v1\/chatterbox-turbo-tts"\} \d/)
  assert.doesNotMatch(body, /somewhere/)
})

test('a request leaves one log line with what an operator needs and nothing a caller said', async () => {
  lines.length = 0
  const response = await scratch.speak({ ...VALID, text: 'A secret text.', 'secret parameter': 1 })
  await scratch.speak('a secret body')
  const lost = await app.inject('/secret/%E0%A4%A')
  assert.equal(lines.length, 3)
  const [line, refused, unrouted] = lines
  assert.deepEqual([unrouted?.id, unrouted?.status, unrouted?.route], [lost.json().request_id, 404, 'unknown'])
  assert.equal(line?.id, response.headers['x-request-id'])
  assert.deepEqual(
    [line?.msg, line?.method, line?.route, line?.status, line?.account],
    ['request', 'POST', '/v1/chatterbox-turbo-tts', 200, account.accountId],
  )
  for (const name of ['milliseconds', 'queueSeconds', 'referenceSeconds', 'engineSeconds', 'totalSeconds']) {
    assert.equal(typeof line?.[name], 'number', name)
  }
  assert.deepEqual([refused?.status, refused?.code], [400, 'invalid_json'])
  const written = JSON.stringify(lines)
  for (const secret of [account.key, 'secret', REFERENCE]) assert.ok(!written.includes(secret), secret)
})

test('our own fault is logged with its cause under the request id', async () => {
  const works = scratch.engine.beforeChunk
  scratch.engine.beforeChunk = () => {
    throw Object.assign(new Error('the cause', { cause: new Error('the root') }), { detail: 'a secret row' })
  }
  lines.length = 0
  const { request_id } = (await scratch.speak(VALID)).json()
  scratch.engine.beforeChunk = works
  const fault = lines.find((line) => line.msg === 'a job failed by our own fault')
  assert.equal(fault?.id, request_id)
  assert.match(JSON.stringify(fault), /the cause.*the root/)
  assert.doesNotMatch(JSON.stringify(lines), /a secret row/)
  assert.equal(lines.at(-1)?.level, 50)
})
