// GET /v1/requests/{id}: waiting, running, finished, failed, expired, and somebody else's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completedRequestSchema, failedRequestSchema, pendingRequestSchema } from '../../src/contract/requests.ts'
import { failJob } from '../../src/jobs/finish.ts'
import { makeAccount, makeJob } from '../harness/accounts.ts'
import { startJob } from '../harness/running-job.ts'
import { openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app, account, db } = scratch
const find = (id: string, key = account.key) => app.inject({ url: `/v1/requests/${id}`, headers: { 'x-api-key': key } })
const dashed = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

async function startedJob() {
  const job = makeJob(account)
  const submitted = await startJob(db, job)
  assert.equal(submitted.kind, 'started')
  return { id: job.id, leaseToken: submitted.leaseToken }
}

test('a finished request is described as its own answer was', async () => {
  const made = await scratch.speak({ ...VALID, seed: 5 }, { accept: 'application/json' })
  const found = await find(made.json().request_id)
  assert.equal(found.statusCode, 200)
  assert.deepEqual(completedRequestSchema.strict().parse(found.json()), made.json())
})

test('an answer in bytes can be looked up by its x-request-id', async () => {
  const made = await scratch.speak({ ...VALID, output_format: 'ogg' })
  const found = await find(String(made.headers['x-request-id']))
  const output = await app.inject(new URL(found.json().output).pathname)
  assert.deepEqual(output.rawPayload, made.rawPayload)
})

test('an id may be written with dashes and in upper case', async () => {
  const id = String((await scratch.speak(VALID)).headers['x-request-id'])
  for (const spelling of [dashed(id), dashed(id).toUpperCase()]) {
    assert.equal((await find(spelling)).json().request_id, id)
  }
})

test('a running request is PROCESSING, with URLs that answer', async () => {
  const { id } = await startedJob()
  const found = await find(id)
  const body = pendingRequestSchema.strict().parse(found.json())
  assert.deepEqual([found.statusCode, body.status, body.request_id], [200, 'PROCESSING', id])
  assert.equal(body.response_url, `https://tts.example/v2/requests/${id}`)
  const again = await app.inject({ url: new URL(body.status_url).pathname, headers: { 'x-api-key': account.key } })
  assert.deepEqual(again.json(), body)
})

test('a failed request is 422 with status FAILED, its error, and no cost', async () => {
  const { id, leaseToken } = await startedJob()
  await failJob(db, {
    id,
    leaseToken,
    code: 'invalid_reference_audio',
    message: 'Too short.',
    param: 'reference_audio',
  })
  const found = await find(id)
  const body = failedRequestSchema.strict().parse(found.json())
  assert.equal(found.statusCode, 422)
  assert.deepEqual([body.error, body.code, body.param], ['Too short.', 'invalid_reference_audio', 'reference_audio'])
  assert.deepEqual(Object.keys(body.metrics).sort(), ['inference_time', 'queue_time', 'total_time'])
})

test('a request that failed over HTTP is found FAILED under the id of its answer', async () => {
  const works = scratch.engine.beforeChunk
  scratch.engine.beforeChunk = () => {
    throw new Error('secret')
  }
  const { request_id } = (await scratch.speak(VALID)).json()
  scratch.engine.beforeChunk = works
  const found = await find(request_id)
  assert.deepEqual([found.statusCode, found.json().code], [422, 'internal'])
  assert.doesNotMatch(found.body, /secret/)
})

test('another account’s request is not found', async () => {
  const { id } = await startedJob()
  const other = await makeAccount(db)
  const found = await find(id, other.key)
  assert.equal(found.statusCode, 404)
  assert.equal(found.json().error, `Output for this request ID ${id} Not Found`)
})

test('an expired request is not found, nor is its output', async () => {
  const made = (await scratch.speak(VALID, { accept: 'application/json' })).json()
  await db
    .updateTable('jobs')
    .set({ expires_at: new Date(0) })
    .where('id', '=', made.request_id)
    .execute()
  assert.equal((await find(made.request_id)).json().code, 'request_not_found')
  assert.equal((await app.inject(new URL(made.output).pathname)).json().code, 'not_found')
})

test('polls are never cached', async () => {
  const { id } = await startedJob()
  for (const wanted of [id, '0'.repeat(32)]) assert.equal((await find(wanted)).headers['cache-control'], 'no-store')
})
