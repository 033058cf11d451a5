// GET /v2/requests/{id}/audio: heard while it is spoken, and afterwards in any format.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeAccount } from '../harness/accounts.ts'
import { asyncCalls } from './async-calls.ts'
import { openScratchApp, VALID } from './scratch-app.ts'
import { listen, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ WORKER_SLOTS: '1' })
const { app, db, account } = scratch
const { submitOk, get, cancel, reaches } = asyncCalls(scratch)
const port = await listen(scratch)
const audio = (id: string, query = '', headers: Record<string, string> = {}) =>
  app.inject({ url: `/v2/requests/${id}/audio${query}`, headers: { 'x-api-key': account.key, ...headers } })

async function finished(body: object = {}): Promise<string> {
  const { request_id } = await submitOk({ ...VALID, seed: 5, ...body })
  await reaches(request_id, 'COMPLETED')
  return request_id
}

/** The answer over a real connection: its bytes so far, and all of them; undefined when it broke off. */
async function open(id: string, query = '') {
  const path = `/v2/requests/${id}/audio${query}`
  const request = httpRequest({ port, path, headers: { 'x-api-key': account.key }, agent: false }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  request.on('error', () => {})
  const chunks: Buffer[] = []
  const whole = new Promise<Buffer | undefined>((resolve) => {
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => resolve(Buffer.concat(chunks)))
    response.on('error', () => resolve(undefined))
    response.on('close', () => resolve(undefined))
  })
  return { response, whole, hangUp: () => request.destroy() }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return
    await sleep(20)
  }
  assert.fail(`never: ${what}`)
}

/** Lets the engine go on one piece at a time. */
function stepEngine() {
  const before = scratch.engine.beforeChunk
  let wake = () => {}
  let allowed = 0
  scratch.engine.beforeChunk = async (_, chunk, signal) => {
    if (chunk > 0) return
    while (allowed === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    allowed--
  }
  return {
    allow: (pieces: number) => {
      allowed += pieces
      wake()
    },
    [Symbol.dispose]: () => {
      allowed = Number.POSITIVE_INFINITY
      wake()
      scratch.engine.beforeChunk = before
    },
  }
}

for (const format of ['mp3', 'ogg', 'flac', 'pcm']) {
  test(`an output that is WAV can be had as ${format}: the bytes that were had by asking for ${format}`, async () => {
    const asked = await scratch.speak({ ...VALID, seed: 5, output_format: format })
    const id = await finished()
    const balance = await scratch.balanceMicro()
    const had = await audio(id, `?format=${format}`)
    assert.equal(had.statusCode, 200)
    assert.equal(had.headers['content-type'], asked.headers['content-type'])
    assert.equal(Number(had.headers['content-length']), had.rawPayload.length)
    assert.match(String(had.headers['content-disposition']), new RegExp(`${id}\\.${format}"`))
    assert.deepEqual(had.rawPayload, asked.rawPayload)
    assert.equal(await scratch.balanceMicro(), balance, 'it is free')
  })
}

test('without a format it is the output, with ranges and an ETag', async () => {
  const id = await finished({ output_format: 'ogg' })
  const { output } = (await get(`/v2/requests/${id}`)).json()
  const whole = await audio(id)
  assert.deepEqual(whole.rawPayload, (await app.inject(new URL(output).pathname)).rawPayload)
  const part = await audio(id, '?format=ogg', { range: 'bytes=4-9' })
  assert.equal(part.statusCode, 206)
  assert.deepEqual(part.rawPayload, whole.rawPayload.subarray(4, 10))
  assert.equal((await audio(id, '', { 'if-none-match': String(whole.headers.etag) })).statusCode, 304)
})

test('an output that has lost something already is not encoded again', async () => {
  const id = await finished({ output_format: 'mp3' })
  const refused = await audio(id, '?format=wav')
  assert.equal(refused.statusCode, 400)
  assert.deepEqual([refused.json().code, refused.json().param], ['invalid_parameter', 'format'])
  assert.match(refused.json().error, /is mp3/)
})

test('a format that there is not, an id that there is not, and the id of another account', async () => {
  const id = await finished()
  const refused = await audio(id, '?format=aiff')
  assert.deepEqual([refused.statusCode, refused.json().param], [400, 'format'])
  assert.equal((await audio('f'.repeat(32))).json().code, 'request_not_found')
  const other = await makeAccount(db)
  assert.equal((await audio(id, '', { 'x-api-key': other.key })).statusCode, 404)
  assert.equal((await audio(id, '', { 'x-api-key': '' })).statusCode, 401)
})

test('while it is spoken two listeners hear what is there; one leaves, the other hears the whole file', async () => {
  using engine = stepEngine()
  const { request_id: id } = await submitOk({ ...VALID, text: piecesText(3), seed: 6 })
  engine.allow(1)
  const [stays, leaves] = [await open(id, '?format=pcm'), await open(id)]
  assert.equal(stays.response.statusCode, 200)
  assert.equal(stays.response.headers['x-request-id'], id)
  assert.equal(leaves.response.headers['content-type'], 'audio/wav')
  await once(leaves.response, 'data')
  leaves.hangUp()
  assert.equal((await get(`/v2/requests/${id}`)).json().status, 'PROCESSING')
  engine.allow(100)
  const heard = await stays.whole
  await reaches(id, 'COMPLETED')
  assert.ok(heard)
  assert.deepEqual(heard, (await audio(id, '?format=pcm')).rawPayload)
  assert.ok(heard.length === 4 * 48_000, `${heard.length} bytes are not four seconds`)
})

test('whoever comes late hears it from the beginning', async () => {
  using engine = stepEngine()
  const { request_id: id } = await submitOk({ ...VALID, text: piecesText(2), seed: 7 })
  engine.allow(2)
  const early = await open(id, '?format=flac')
  await once(early.response, 'data')
  const late = await open(id, '?format=flac')
  engine.allow(100)
  const heard = await late.whole
  assert.ok(heard)
  assert.deepEqual(heard, await early.whole)
})

test('a request that is cancelled breaks off what is heard of it, and afterwards it is 422', async () => {
  using engine = stepEngine()
  const { request_id: id } = await submitOk({ ...VALID, text: piecesText(2) })
  engine.allow(1)
  const { whole } = await open(id)
  await cancel(id)
  assert.equal(await whole, undefined, 'nobody takes the part for the whole')
  await reaches(id, 'FAILED')
  const after = await audio(id)
  assert.deepEqual([after.statusCode, after.json().code], [422, 'cancelled'])
})

test('one that fails before its first sound is answered as a poll is', async () => {
  const works = scratch.engine.beforeChunk
  scratch.engine.beforeChunk = () => {
    throw new Error('secret')
  }
  const { request_id: id } = await submitOk(VALID)
  const failed = await audio(id)
  scratch.engine.beforeChunk = works
  assert.deepEqual([failed.statusCode, failed.json().status], [422, 'FAILED'])
})

test('one that will be MP3 cannot be heard before it is finished', async () => {
  using engine = stepEngine()
  const { request_id: id } = await submitOk({ ...VALID, output_format: 'mp3' })
  assert.deepEqual([(await audio(id)).statusCode, (await audio(id)).json().param], [400, 'format'])
  engine.allow(1)
  await reaches(id, 'COMPLETED')
})

test('an account has twenty listeners, and a place is free again when one has left', async () => {
  using engine = stepEngine()
  const { request_id: id } = await submitOk({ ...VALID, text: piecesText(2) })
  engine.allow(1)
  const listeners = await Promise.all(Array.from({ length: 20 }, () => open(id)))
  const refused = await audio(id)
  assert.deepEqual([refused.statusCode, refused.json().code], [429, 'overloaded'])
  assert.ok(refused.headers['retry-after'])
  listeners[0]?.hangUp()
  await until('the place is free', async () => {
    const again = await open(id)
    again.hangUp()
    return again.response.statusCode === 200
  })
  engine.allow(100)
  for (const { whole } of listeners.slice(1)) assert.ok(await whole)
})

test('with retention none it is forgotten once it was fetched in another format', async () => {
  const id = await finished({ retention: 'none' })
  const fetched = await fetch(`http://127.0.0.1:${port}/v2/requests/${id}/audio?format=flac`, {
    headers: { 'x-api-key': account.key },
  })
  assert.equal(Buffer.from(await fetched.arrayBuffer()).toString('latin1', 0, 4), 'fLaC')
  await until('it is forgotten', async () => (await get(`/v2/requests/${id}`)).statusCode === 404)
  assert.equal((await audio(id, '?format=flac')).statusCode, 404)
})
