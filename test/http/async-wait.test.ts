// `?wait=`: the answer comes when the request has ended or the time is over. No test asserts how fast: that an answer was early is seen
// by what it says, that it was late by what had happened before it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { asyncCalls } from './async-calls.ts'
import { buildScratchApp, holdEngine, openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ WORKER_SLOTS: '1' })
const { app, account } = scratch
const { submitOk, getStatus, getResult, getPoll, reaches, cancel } = asyncCalls(scratch)

test('a waiting poll ends with the request, on each of its URLs', async () => {
  for (const ask of [getStatus, getResult, getPoll]) {
    using engine = holdEngine(scratch)
    const { request_id: id } = await submitOk(VALID)
    await reaches(id, 'PROCESSING')
    const asked = ask(id, '?wait=30')
    const isEarly = await Promise.race([asked.then(() => true), sleep(100, false)])
    assert.equal(isEarly, false, 'it does not answer while nothing has ended')
    engine.release()
    assert.equal((await asked).json().status, 'COMPLETED')
  }
})

test('a waiting poll ends when the time is over, with the state as it is then', async () => {
  using engine = holdEngine(scratch)
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'PROCESSING')
  const startedAt = performance.now()
  const response = await getStatus(id, '?wait=0.3')
  assert.ok(performance.now() - startedAt >= 290, 'not before')
  assert.deepEqual([response.statusCode, response.json().status], [200, 'PROCESSING'])
  engine.release()
  await reaches(id, 'COMPLETED')
})

test('a failure and a cancellation end a waiting poll as well', async () => {
  const failing = await submitOk({ ...VALID, reference_audio: 'https://tts.invalid/voice.mp3' })
  const failed = await getResult(failing.request_id, '?wait=30')
  assert.deepEqual([failed.statusCode, failed.json().status], [422, 'FAILED'])

  using engine = holdEngine(scratch)
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'PROCESSING')
  const asked = getStatus(id, '?wait=30')
  await cancel(id)
  assert.deepEqual([(await asked).statusCode, (await asked).json().code], [422, 'cancelled'])
  engine.release()
})

test('a request that has ended is answered at once, one that is unknown too', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  for (const wait of ['', '?wait=', '?wait=0', '?wait=0.5', '?wait=50', '?wait=1e1', '?other=1']) {
    assert.equal((await getResult(id, wait)).json().status, 'COMPLETED', wait)
  }
  assert.equal((await getResult('0'.repeat(32), '?wait=50')).statusCode, 404)
})

test('a wait that is no number of seconds up to 50 is refused by name', async () => {
  const { request_id: id } = await submitOk(VALID)
  for (const wait of ['-1', '51', 'long', 'NaN', 'Infinity', '1e9', '1&wait=2', '%00', '[]']) {
    for (const ask of [getStatus, getResult, getPoll]) {
      const response = await ask(id, `?wait=${wait}`)
      assert.deepEqual(
        [response.statusCode, response.json().code, response.json().param, response.json().error],
        [400, 'invalid_parameter', 'wait', 'wait must be a number of seconds between 0 and 50.'],
        wait,
      )
    }
  }
})

test('a server that closes answers its waiting polls first', async () => {
  const closing = await buildScratchApp(scratch.db, { WORKER_SLOTS: '1' })
  using engine = holdEngine(closing)
  using _other = holdEngine(scratch)
  const calls = asyncCalls(closing)
  const { request_id: id } = await calls.submitOk(VALID)
  const asked = calls.getStatus(id, '?wait=50')
  await sleep(50)
  await closing.app.close()
  assert.ok(['QUEUED', 'PROCESSING'].includes((await asked).json().status))
  await calls.cancel(id).catch(() => {})
  engine.release()
})

test('a server that is asked to stop answers its waiting polls with the state as it is, while it still finishes what runs', async () => {
  using engine = holdEngine(scratch)
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'PROCESSING')
  const asked = [getStatus, getResult, getPoll].map((ask) => ask(id, '?wait=50'))
  const isEarly = await Promise.race([...asked.map((answer) => answer.then(() => true)), sleep(100, false)])
  assert.equal(isEarly, false, 'they wait')
  scratch.health.draining = true
  const answers = await Promise.race([Promise.all(asked), sleep(30_000, [], { ref: false })])
  scratch.health.draining = false
  assert.deepEqual(
    answers.map((answer) => [answer.statusCode, answer.json().status]),
    Array(3).fill([200, 'PROCESSING']),
    'they do not wait their 50 seconds',
  )
  engine.release()
  await reaches(id, 'COMPLETED')
})

test('a caller who hangs up waits no longer, and the request goes on', async () => {
  using engine = holdEngine(scratch)
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'PROCESSING')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const request = httpGet({ port, path: `/v2/requests/${id}/status?wait=50`, headers: { 'x-api-key': account.key } })
  request.on('error', () => {})
  const closed = once(app.server, 'connection').then(([socket]) => once(socket, 'close'))
  await sleep(100)
  request.destroy()
  await closed
  engine.release()
  await reaches(id, 'COMPLETED')
})
