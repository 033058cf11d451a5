// A request of the asynchronous API in each of its states, as each of its URLs shows it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorBodySchema } from '../../src/contract/errors.ts'
import {
  completedRequestSchema,
  completedStatusSchema,
  failedRequestSchema,
  pendingRequestSchema,
  submittedRequestSchema,
} from '../../src/contract/requests.ts'
import { makeAccount } from '../harness/accounts.ts'
import { asyncCalls } from './async-calls.ts'
import { multipart } from './multipart-body.ts'
import { holdEngine, openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ WORKER_SLOTS: '1' })
const { app, db } = scratch
const { submit, submitOk, get, getStatus, getResult, getPoll, reaches } = asyncCalls(scratch)
const pathOf = (url: string) => url.replace('https://tts.example', '')
const dashed = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

test('a submit is answered 200 QUEUED with an id, three absolute URLs and an expiry, before anything is spoken', async () => {
  using engine = holdEngine(scratch)
  const response = await submit(VALID)
  assert.equal(response.statusCode, 200)
  const body = submittedRequestSchema.strict().parse(response.json())
  assert.equal(body.status, 'QUEUED')
  assert.match(body.request_id, /^[0-9a-f]{32}$/)
  assert.equal(response.headers['x-request-id'], body.request_id)
  assert.equal(response.headers['cache-control'], 'no-store')
  assert.match(String(response.headers['content-type']), /^application\/json/)
  assert.deepEqual(
    [body.poll_url, body.status_url, body.response_url],
    [
      `https://tts.example/v1/requests/${body.request_id}`,
      `https://tts.example/v2/requests/${body.request_id}/status`,
      `https://tts.example/v2/requests/${body.request_id}`,
    ],
  )
  const secondsKept = (new Date(body.expires_at).getTime() - Date.now()) / 1000
  assert.ok(Math.abs(secondsKept - 7 * 86_400) < 60, body.expires_at)
  engine.release()
  await reaches(body.request_id, 'COMPLETED')
})

test('while it runs it is PROCESSING, one behind it is QUEUED with its position, and all three URLs say the same', async () => {
  using engine = holdEngine(scratch)
  const first = await submitOk(VALID)
  await reaches(first.request_id, 'PROCESSING')
  const [second, third] = [await submitOk(VALID), await submitOk(VALID)]
  assert.deepEqual([second.queue_position, third.queue_position], [0, 1])
  for (const [{ request_id: id }, status, position] of [
    [first, 'PROCESSING', undefined],
    [second, 'QUEUED', 0],
    [third, 'QUEUED', 1],
  ] as const) {
    for (const response of [await getStatus(id), await getResult(id), await getPoll(id)]) {
      const body = pendingRequestSchema.strict().parse(response.json())
      assert.deepEqual(
        [response.statusCode, body.status, body.request_id, body.queue_position],
        [200, status, id, position],
      )
      assert.deepEqual(body.metrics, {})
      assert.equal(body.status_url, `https://tts.example/v2/requests/${id}/status`)
      assert.equal(body.response_url, `https://tts.example/v2/requests/${id}`)
      assert.equal(response.headers['cache-control'], 'no-store')
    }
  }
  engine.release()
  for (const { request_id } of [first, second, third]) await reaches(request_id, 'COMPLETED')
})

test('when it is done, the status has timings and money, the result the output as well, and the URLs of a submit lead there', async () => {
  const before = (await scratch.balanceMicro()) ?? 0
  const submitted = await submitOk({ ...VALID, seed: 7 })
  await reaches(submitted.request_id, 'COMPLETED')
  const [status, result, poll] = [
    await get(pathOf(submitted.status_url)),
    await get(pathOf(submitted.response_url)),
    await get(pathOf(submitted.poll_url)),
  ]
  assert.deepEqual([status.statusCode, result.statusCode, poll.statusCode], [200, 200, 200])
  const light = completedStatusSchema.strict().parse(status.json())
  const full = completedRequestSchema.strict().parse(result.json())
  assert.deepEqual(poll.json(), full)
  assert.deepEqual(
    [light.status, light.request_id, light.metrics, light.expires_at],
    [full.status, full.request_id, full.metrics, submitted.expires_at],
  )
  assert.deepEqual([full.error, full.seed, full.request_id], [null, '7', submitted.request_id])
  assert.equal(typeof full.audio.file_size, 'string')
  assert.equal(full.audio.url, full.output)
  for (const name of ['inference_time', 'queue_time', 'total_time'] as const) {
    assert.ok((full.metrics[name] ?? -1) >= 0, name)
  }
  assert.equal(full.metrics.retry_count, undefined)
  const after = await scratch.balanceMicro()
  assert.equal(Math.round(full.metrics.cost * 1e6), 300)
  assert.deepEqual([after, await scratch.heldMicro()], [before - 300, 0])
  assert.equal(Math.round((full.metrics.remaining_credits ?? 0) * 1e6), after)

  const output = await app.inject(new URL(full.output).pathname)
  assert.deepEqual([output.statusCode, output.headers['content-type']], [200, 'audio/wav'])
  assert.equal(output.rawPayload.length, Number(full.audio.file_size))
})

test('the output is the bytes that v1 answers for the same parameters, in every format', async () => {
  for (const format of ['wav', 'mp3', 'ogg', 'flac', 'pcm']) {
    const { request_id } = await submitOk({ ...VALID, output_format: format })
    await reaches(request_id, 'COMPLETED')
    const { output, audio } = (await getResult(request_id)).json()
    const [file, direct] = [
      await app.inject(new URL(output).pathname),
      await scratch.speak({ ...VALID, output_format: format }),
    ]
    assert.equal(audio.content_type, direct.headers['content-type'])
    assert.deepEqual(file.rawPayload.length, direct.rawPayload.length, format)
  }
})

test('Accept chooses nothing here: the answers are JSON and the audio WAV', async () => {
  const response = await submit(VALID, { accept: 'audio/mpeg' })
  assert.match(String(response.headers['content-type']), /^application\/json/)
  await reaches(response.json().request_id, 'COMPLETED')
  assert.equal((await getResult(response.json().request_id)).json().audio.content_type, 'audio/wav')
})

test('a failed request is 422 on all three URLs, with its error, timings, and neither cost nor balance', async () => {
  const works = scratch.engine.beforeChunk
  const balance = await scratch.balanceMicro()
  scratch.engine.beforeChunk = () => {
    throw new Error('secret')
  }
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'FAILED')
  scratch.engine.beforeChunk = works
  for (const response of [await getStatus(id), await getResult(id), await getPoll(id)]) {
    assert.equal(response.statusCode, 422)
    const body = failedRequestSchema.strict().parse(response.json())
    assert.deepEqual([body.status, body.request_id, body.code, typeof body.error], ['FAILED', id, 'internal', 'string'])
    assert.deepEqual(Object.keys(body.metrics).sort(), ['inference_time', 'queue_time', 'total_time'])
    assert.doesNotMatch(response.body, /secret/)
    assert.equal(response.headers['x-cost'], undefined)
  }
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [balance, 0])
})

test('a reference that cannot be fetched fails the run, not the submit', async () => {
  const gone = 'https://tts.invalid/voice.mp3'
  const { request_id: id } = await submitOk({ ...VALID, reference_audio: gone })
  const body = (await reaches(id, 'FAILED')).json()
  assert.deepEqual([body.code, body.param], ['invalid_reference_audio', 'reference_audio'])
  assert.match(body.error, /^Reference media rejected: /)
})

test('a recording may come as a file', async () => {
  const form = multipart([
    { name: 'text', value: 'Hello.' },
    { name: 'seed', value: '9' },
    { name: 'reference_audio', file: Buffer.from('a recording') },
  ])
  const { request_id: id } = await submitOk(form.payload, form.headers as Record<string, string>)
  await reaches(id, 'COMPLETED')
  assert.equal((await getResult(id)).json().seed, '9')
})

test('an unknown, malformed or foreign id is 404 in the words of its URL', async () => {
  const { request_id } = await submitOk(VALID)
  const other = await makeAccount(db)
  for (const [id, key] of [
    ['0'.repeat(32), undefined],
    [dashed('0'.repeat(32)), undefined],
    ['nonsense', undefined],
    [request_id, other.key],
  ] as const) {
    for (const [response, text] of [
      [await getStatus(id, '', key), `Request ${id} not found`],
      [await getResult(id, '', key), `Request ${id} not found`],
      [await getPoll(id, '', key), `Output for this request ID ${id} Not Found`],
    ] as const) {
      const body = errorBodySchema.strict().parse(response.json())
      assert.deepEqual([response.statusCode, body.code, body.error], [404, 'request_not_found', text])
    }
  }
})

test('an id may be written with dashes and in upper case', async () => {
  const { request_id: id } = await submitOk(VALID)
  for (const spelling of [dashed(id), dashed(id).toUpperCase(), id.toUpperCase()]) {
    for (const response of [await getStatus(spelling), await getResult(spelling), await getPoll(spelling)]) {
      assert.equal(response.json().request_id, id, spelling)
    }
  }
})

test('after it has expired, record and file are gone together', async () => {
  const { request_id: id } = await submitOk(VALID)
  await reaches(id, 'COMPLETED')
  const { output } = (await getResult(id)).json()
  assert.equal((await app.inject(new URL(output).pathname)).statusCode, 200)
  await db.updateTable('jobs').set({ expires_at: new Date() }).where('id', '=', id).execute()
  assert.deepEqual(
    [(await getStatus(id)).statusCode, (await getResult(id)).statusCode, (await getPoll(id)).statusCode],
    [404, 404, 404],
  )
  assert.equal((await app.inject(new URL(output).pathname)).json().code, 'not_found')
})

test('a request that was made on v1 is found on v2', async () => {
  const id = String((await scratch.speak(VALID)).headers['x-request-id'])
  assert.deepEqual((await getResult(id)).json(), (await getPoll(id)).json())
  assert.equal((await getStatus(id)).json().status, 'COMPLETED')
})
