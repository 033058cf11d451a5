// Idempotency-Key: one result and one charge for a request that is sent again, a refusal for another request under the same key.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSpeechRequest } from '../../src/http/idempotency.ts'
import { makeAccount } from '../harness/accounts.ts'
import { multipart } from './multipart-body.ts'
import { openScratchApp, VALID, withResolvers } from './scratch-app.ts'

const scratch = await openScratchApp()
const once = (key: string) => ({ 'idempotency-key': key })

test('the same request under the same key gives the stored bytes, marked, under the first id, and is charged once', async () => {
  const first = await scratch.speak({ ...VALID, seed: 0 }, once('a'))
  const balance = await scratch.balanceMicro()
  const second = await scratch.speak({ ...VALID, seed: 0 }, once('a'))
  assert.deepEqual([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']], [undefined, 'true'])
  for (const header of ['x-request-id', 'x-cost', 'x-seed-value', 'content-type', 'x-output-metadata']) {
    assert.equal(second.headers[header], first.headers[header], header)
  }
  assert.deepEqual(second.rawPayload, first.rawPayload)
  assert.equal(await scratch.balanceMicro(), balance)
})

test('without a key, the same request is made and charged again', async () => {
  const [first, second] = [await scratch.speak(VALID), await scratch.speak(VALID)]
  assert.notEqual(first.headers['x-request-id'], second.headers['x-request-id'])
})

test('a key with other parameters is 422 and charges nothing', async () => {
  await scratch.speak(VALID, once('b'))
  const balance = await scratch.balanceMicro()
  for (const change of [{ text: 'Bye.' }, { seed: 1 }, { output_format: 'mp3' }]) {
    const response = await scratch.speak({ ...VALID, ...change }, once('b'))
    assert.deepEqual([response.statusCode, response.json().code], [422, 'idempotency_conflict'])
  }
  assert.equal(await scratch.balanceMicro(), balance)
})

test('the key may be quoted, as the draft has it; the order of parameters and given defaults make no difference', async () => {
  const first = await scratch.speak(VALID, once('c'))
  const same = {
    norm_loudness: true,
    seed: 42,
    top_k: 500,
    unknown: 1,
    reference_audio: VALID.reference_audio,
    text: VALID.text,
  }
  const second = await scratch.speak(same, once('"c"'))
  assert.equal(second.headers['idempotent-replayed'], 'true')
  assert.equal(second.headers['x-request-id'], first.headers['x-request-id'])
})

test('a key belongs to its account', async () => {
  const other = await makeAccount(scratch.db)
  await scratch.speak(VALID, once('d'))
  const response = await scratch.speak({ ...VALID, text: 'Mine.' }, { ...once('d'), 'x-api-key': other.key })
  assert.deepEqual([response.statusCode, response.headers['idempotent-replayed']], [200, undefined])
})

test('a failed request gives its key back', async () => {
  const works = scratch.engine.beforeChunk
  scratch.engine.beforeChunk = () => {
    throw new Error('the engine broke')
  }
  assert.equal((await scratch.speak(VALID, once('e'))).statusCode, 500)
  scratch.engine.beforeChunk = works
  const again = await scratch.speak(VALID, once('e'))
  assert.deepEqual([again.statusCode, again.headers['idempotent-replayed']], [200, undefined])
})

test('the same request while the first still runs waits for it and shares its outcome', async () => {
  const works = scratch.engine.beforeChunk
  const { promise: released, resolve: release } = withResolvers()
  const { promise: running, resolve: started } = withResolvers()
  scratch.engine.beforeChunk = () => {
    started()
    return released
  }
  const balance = (await scratch.balanceMicro()) ?? 0
  const first = scratch.speak(VALID, once('f'))
  await running
  const second = scratch.speak(VALID, once('f'))
  release()
  assert.equal((await first).headers['idempotent-replayed'], undefined)
  assert.equal((await second).headers['idempotent-replayed'], 'true')
  assert.equal(await scratch.balanceMicro(), balance - 300)
  scratch.engine.beforeChunk = works
})

test('the bytes of a file are part of the request', async () => {
  const send = (recording: string) => {
    const form = multipart([
      { name: 'text', value: 'Hello.' },
      { name: 'reference_audio', file: Buffer.from(recording) },
    ])
    return scratch.speak(form.payload, { ...form.headers, ...once('g') })
  }
  assert.equal((await send('one voice')).statusCode, 200)
  assert.equal((await send('one voice')).headers['idempotent-replayed'], 'true')
  assert.equal((await send('another voice')).statusCode, 422)
})

test('the hash of a request tells apart what a naive concatenation would not', () => {
  const body = {
    ...VALID,
    temperature: 0.7,
    top_p: 0.9,
    top_k: 500,
    min_p: 0,
    repetition_penalty: 1.3,
    seed: 42,
    norm_loudness: true,
  }
  const hashes = [
    hashSpeechRequest(body, undefined),
    hashSpeechRequest({ ...body, text: 'Hello.","x":"' }, undefined),
    hashSpeechRequest(body, new Uint8Array()),
    hashSpeechRequest(body, new Uint8Array(32)),
    hashSpeechRequest({ ...body, output_format: 'wav' }, undefined),
  ]
  assert.equal(new Set(hashes).size, hashes.length)
  const reversed = Object.fromEntries(Object.entries(body).reverse()) as typeof body
  assert.equal(hashSpeechRequest(reversed, undefined), hashes[0])
})
