// `retention: "none"`: once it has served, nothing of a request can be had any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../src/errors.ts'
import { forgetInput, removeInputs } from '../../src/jobs/sweep.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { asyncCalls } from './async-calls.ts'
import { holdEngine, openScratchApp, VALID } from './scratch-app.ts'

const ADMIN_TOKEN = 'the-token-of-the-operator'
const scratch = await openScratchApp({ WORKER_SLOTS: '1', ADMIN_TOKEN })
const { app, db, blobs } = scratch
const { submitOk, getResult, getStatus, getPoll, reaches, cancel } = asyncCalls(scratch)
const FORGOTTEN_WITHIN_MS = 10_000

const rowOf = (id: string) => db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

async function isForgotten(id: string): Promise<void> {
  const { output_blob_key: key } = await rowOf(id)
  assert.ok(key)
  const deadline = performance.now() + FORGOTTEN_WITHIN_MS
  while (await blobs.read(key)) {
    assert.ok(performance.now() < deadline, 'the bytes are still there')
    await sleep(20)
  }
  for (const ask of [getStatus, getResult, getPoll]) assert.equal((await ask(id)).statusCode, 404)
}

/** Resolves when the recording is gone. No sweep runs here: whoever ended the request has removed it. */
async function recordingIsForgotten(id: string, input: string): Promise<void> {
  const deadline = performance.now() + FORGOTTEN_WITHIN_MS
  while ((await rowOf(id)).input_blob_key !== null) {
    assert.ok(performance.now() < deadline, 'the recording is still there')
    await sleep(20)
  }
  assert.equal(await blobs.read(input), undefined)
}

async function submitHeld(text = 'A secret.') {
  const { request_id: id } = await submitOk({ ...VALID, text, retention: 'none' })
  const { input_blob_key: input } = await rowOf(id)
  assert.ok(input && (await blobs.read(input)), 'the recording waits with the request')
  return { id, input }
}

test('text and reference are gone when the work is done, the result stays for an hour at most', async () => {
  using engine = holdEngine(scratch)
  const { id, input } = await submitHeld()
  engine.release()
  await reaches(id, 'COMPLETED')
  await recordingIsForgotten(id, input)
  const row = await rowOf(id)
  assert.doesNotMatch(JSON.stringify(row), /A secret|base64/)
  const { expires_at } = (await getResult(id)).json()
  const seconds = (new Date(expires_at).getTime() - Date.now()) / 1000
  assert.ok(seconds > 3500 && seconds <= 3600, expires_at)
})

test('the recording goes with a request that fails, one that is cancelled while it is spoken, and one that nobody has begun, also where the operator cancels it', async () => {
  using engine = holdEngine(scratch)
  const running = await submitHeld()
  await reaches(running.id, 'PROCESSING')
  await engine.isHeld
  const [waiting, unwanted] = [await submitHeld(), await submitHeld()]
  assert.equal((await rowOf(unwanted.id)).state, 'queued')
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  const url = `/v1/admin/jobs/${unwanted.id}/cancel`
  assert.equal((await app.inject({ method: 'POST', url, headers })).json().state, 'cancelled')
  await recordingIsForgotten(unwanted.id, unwanted.input)
  assert.equal((await rowOf(waiting.id)).state, 'queued')
  for (const { id, input } of [waiting, running]) {
    assert.equal((await cancel(id)).json().status, 'CANCELLED')
    await recordingIsForgotten(id, input)
  }
  scratch.engine.beforeChunk = () => {
    throw new AppError('invalid_parameter', 'It cannot be spoken.', { param: 'text' })
  }
  const failing = await submitHeld()
  await reaches(failing.id, 'FAILED')
  await recordingIsForgotten(failing.id, failing.input)
})

test('the recording of any other request waits for the sweep, which takes up as well what was left behind', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  const { input_blob_key: input } = await rowOf(id)
  assert.ok(input && (await blobs.read(input)))
  await forgetInput({ db, blobs, log: quietLog }, { id, retention: 'normal' })
  assert.ok(await blobs.read(input))
  await removeInputs(db, blobs)
  assert.equal(await blobs.read(input), undefined)
  assert.equal((await rowOf(id)).input_blob_key, null)
})

test('the first complete download is the last; parts, HEAD and what was cached before do not count', async () => {
  const { request_id: id } = await submitOk({ ...VALID, retention: 'none' })
  await reaches(id, 'COMPLETED')
  const { output } = (await getResult(id)).json()
  const url = new URL(output).pathname
  const head = await app.inject({ method: 'HEAD', url })
  const { etag = '' } = head.headers as Record<string, string>
  for (const [headers, status] of [
    [{ range: 'bytes=0-9' }, 206],
    [{ range: 'bytes=10-' }, 206],
    [{ 'if-none-match': etag }, 304],
    [{ range: 'bytes=99999999-' }, 416],
  ] as const) {
    assert.equal((await app.inject({ url, headers })).statusCode, status)
    assert.equal((await getStatus(id)).statusCode, 200)
  }
  assert.equal(head.headers['cache-control'], 'no-store')
  const whole = await app.inject(url)
  assert.deepEqual([whole.statusCode, whole.headers['cache-control']], [200, 'no-store'])
  await isForgotten(id)
  assert.equal((await app.inject(url)).json().code, 'not_found')
})

test('a range that is the whole file counts as the whole file', async () => {
  const { request_id: id } = await submitOk({ ...VALID, retention: 'none' })
  await reaches(id, 'COMPLETED')
  const { output } = (await getResult(id)).json()
  assert.equal((await app.inject({ url: new URL(output).pathname, headers: { range: 'bytes=0-' } })).statusCode, 206)
  await isForgotten(id)
})

test('an answer of v1 is forgotten when it was sent', async () => {
  const response = await scratch.speak({ ...VALID, text: 'A secret.', retention: 'none' })
  assert.equal(response.statusCode, 200)
  const id = String(response.headers['x-request-id'])
  await isForgotten(id)
  assert.doesNotMatch(JSON.stringify(await rowOf(id)), /A secret/)
})

test('an answer of v1 that only describes the audio leaves it to be downloaded once', async () => {
  const response = await scratch.speak({ ...VALID, retention: 'none' }, { accept: 'application/json' })
  const { output, request_id: id } = response.json()
  assert.equal((await app.inject(new URL(output).pathname)).statusCode, 200)
  await isForgotten(id)
})

test('without it, a download changes nothing', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  const url = new URL((await getResult(id)).json().output).pathname
  for (let time = 0; time < 3; time++) assert.equal((await app.inject(url)).statusCode, 200)
  assert.equal((await getStatus(id)).statusCode, 200)
})
