// DELETE /v2/requests/{id}: in every state a request can be in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancellationSchema, failedRequestSchema } from '../../src/contract/requests.ts'
import { makeAccount } from '../harness/accounts.ts'
import { asyncCalls } from './async-calls.ts'
import { holdEngine, openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ WORKER_SLOTS: '1' })
const { app, db, account } = scratch
const { submitOk, getStatus, getResult, getPoll, reaches, cancel } = asyncCalls(scratch)
const LONG = {
  ...VALID,
  text: 'This sentence is long enough to be spoken alone, all by itself, in one piece. '.repeat(30),
}

async function assertCancelled(id: string): Promise<void> {
  for (const response of [await getStatus(id), await getResult(id), await getPoll(id)]) {
    const body = failedRequestSchema.strict().parse(response.json())
    assert.deepEqual(
      [response.statusCode, body.status, body.code, body.error],
      [422, 'FAILED', 'cancelled', 'The request was cancelled. Nothing was charged.'],
    )
  }
}

test('a request that waits is cancelled at once, its hold released, and it is never spoken', async () => {
  using engine = holdEngine(scratch)
  const balance = await scratch.balanceMicro()
  const first = await submitOk(VALID)
  await reaches(first.request_id, 'PROCESSING')
  await engine.isHeld
  const held = (await scratch.heldMicro()) ?? 0
  const begun = engine.begun
  const second = await submitOk(VALID)
  assert.equal(await scratch.heldMicro(), held * 2)
  const response = await cancel(second.request_id)
  assert.equal(response.statusCode, 200)
  assert.deepEqual(cancellationSchema.strict().parse(response.json()), {
    request_id: second.request_id,
    status: 'CANCELLED',
  })
  assert.equal(response.headers['cache-control'], 'no-store')
  assert.equal(await scratch.heldMicro(), held)
  await assertCancelled(second.request_id)
  engine.release()
  await reaches(first.request_id, 'COMPLETED')
  const third = await submitOk(VALID)
  await reaches(third.request_id, 'COMPLETED')
  assert.equal(engine.begun, begun + 1, 'the next piece that was begun is of the third request')
  assert.equal(await scratch.balanceMicro(), (balance ?? 0) - 600)
})

test('a request that is being spoken stops in the middle of a piece, and no further piece is begun', async () => {
  using engine = holdEngine(scratch)
  const balance = await scratch.balanceMicro()
  const { request_id: id } = await submitOk(LONG)
  await reaches(id, 'PROCESSING')
  await engine.isHeld
  const begun = engine.begun
  const response = await cancel(id)
  assert.deepEqual([response.statusCode, response.json().status], [200, 'CANCELLED'])
  assert.equal(engine.aborted, 1, 'the step at work was told to stop')
  assert.deepEqual([await scratch.heldMicro(), await scratch.balanceMicro()], [0, balance])
  await assertCancelled(id)
  engine.release()
  const next = await submitOk(VALID)
  await reaches(next.request_id, 'COMPLETED')
  assert.equal(engine.begun, begun + 1, 'only the piece of the next request')
  await assertCancelled(id)
})

test('a request that has ended stays as it is, output and charge included', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  const before = (await getResult(id)).json()
  const response = await cancel(id)
  assert.deepEqual([response.statusCode, response.json()], [200, { request_id: id, status: 'COMPLETED' }])
  assert.deepEqual((await getResult(id)).json(), before)
  assert.equal((await app.inject(new URL(before.output).pathname)).statusCode, 200)
})

test('cancelling again, or what has failed, changes nothing', async () => {
  using engine = holdEngine(scratch)
  const { request_id: running } = await submitOk(VALID)
  await reaches(running, 'PROCESSING')
  const { request_id: id } = await submitOk(VALID)
  for (let time = 0; time < 3; time++) {
    assert.deepEqual((await cancel(id)).json(), { request_id: id, status: 'CANCELLED' })
  }
  engine.release()
  const failed = await submitOk({ ...VALID, reference_audio: 'https://tts.invalid/voice.mp3' })
  await reaches(failed.request_id, 'FAILED')
  assert.deepEqual((await cancel(failed.request_id)).json(), { request_id: failed.request_id, status: 'FAILED' })
})

test('only who made a request may cancel it, and only with a key', async () => {
  using engine = holdEngine(scratch)
  const { request_id: id } = await submitOk(VALID)
  const other = await makeAccount(db)
  for (const [written, key] of [
    [id, other.key],
    ['0'.repeat(32), account.key],
    ['nonsense', account.key],
  ] as const) {
    const response = await cancel(written, key)
    assert.deepEqual(
      [response.statusCode, response.json().code, response.json().error],
      [404, 'request_not_found', `Request ${written} not found`],
    )
  }
  assert.equal((await app.inject({ method: 'DELETE', url: `/v2/requests/${id}` })).json().code, 'missing_api_key')
  assert.notEqual((await getStatus(id)).json().status, 'FAILED')
  const dashed = id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-').toUpperCase()
  assert.deepEqual((await cancel(dashed)).json(), { request_id: id, status: 'CANCELLED' })
  engine.release()
})

test('a client that sends a content type or an empty body with DELETE is understood as well', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  for (const [headers, payload] of [
    [{ 'content-type': 'application/json' }, undefined],
    [{ 'content-type': 'application/json' }, '{}'],
    [{ 'content-type': 'application/json' }, '{'],
    [{}, 'x'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, undefined],
  ] as const) {
    const response = await app.inject({
      method: 'DELETE',
      url: `/v2/requests/${id}`,
      headers: { 'x-api-key': account.key, ...headers },
      ...(payload === undefined ? {} : { payload }),
    })
    assert.deepEqual([response.statusCode, response.json().status], [200, 'COMPLETED'], JSON.stringify(headers))
  }
})

test('a request of v1 can be cancelled from elsewhere: its caller is told, and nothing is charged', async () => {
  using engine = holdEngine(scratch)
  const balance = await scratch.balanceMicro()
  const answered = scratch.speak({ ...VALID, text: 'Cancel me.' })
  await engine.isHeld
  const { id } = await db
    .selectFrom('jobs')
    .select('id')
    .where('account_id', '=', account.accountId)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow()
  assert.equal((await cancel(id)).json().status, 'CANCELLED')
  const response = await answered
  assert.deepEqual([response.statusCode, response.json().code, response.json().request_id], [422, 'cancelled', id])
  assert.deepEqual([await scratch.heldMicro(), await scratch.balanceMicro()], [0, balance])
})

test('a cancelled request gives its idempotency key back', async () => {
  using engine = holdEngine(scratch)
  const once = { 'idempotency-key': 'cancelled' }
  const running = await submitOk(VALID)
  await reaches(running.request_id, 'PROCESSING')
  const first = await submitOk(VALID, once)
  await cancel(first.request_id)
  const second = await submitOk(VALID, once)
  assert.notEqual(second.request_id, first.request_id)
  engine.release()
  await reaches(second.request_id, 'COMPLETED')
})
