// What comes out of the server says so, and the server knows it again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { makeAccount } from '../harness/accounts.ts'
import { sine } from '../harness/signals.ts'
import { multipart } from './multipart-body.ts'
import { openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()

async function ask(file: Uint8Array, key = scratch.account.key) {
  const { headers, payload } = multipart([{ name: 'file', file: Buffer.from(file), fileName: 'speech' }])
  return scratch.app.inject({
    method: 'POST',
    url: '/v1/provenance',
    headers: { 'x-api-key': key, ...headers },
    payload,
  })
}

for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
  test(`${format}: speech of ours is known again, with its request`, async () => {
    const speech = await scratch.speak({ ...VALID, seed: 7, output_format: format })
    const found = (await ask(speech.rawPayload)).json()
    assert.deepEqual([found.ours, found.request_id], [true, speech.headers['x-request-id']])
    const { voice, ...mark } = found.mark
    assert.match(voice, /^recording-[0-9a-f]{16}$/)
    assert.deepEqual([mark.model, mark.seed, mark.signature], [speech.headers['x-model'], 7, 'valid'])
  })
}

test('equal requests are equal files, mark included', async () => {
  const files = await Promise.all([1, 2].map(() => scratch.speak({ ...VALID, seed: 11 })))
  assert.deepEqual(files[0]?.rawPayload, files[1]?.rawPayload)
})

test("another account's file is ours, but its request is nobody else's business", async () => {
  const speech = await scratch.speak({ ...VALID, seed: 8 })
  const stranger = await makeAccount(scratch.db)
  const found = (await ask(speech.rawPayload, stranger.key)).json()
  assert.deepEqual([found.ours, found.request_id], [true, null])
})

test('a file from elsewhere has no mark, a mark that was altered is not ours', async () => {
  const elsewhere = (await ask(await encodeAudio(sine(220, 1, 24_000), 24_000, 'mp3'))).json()
  assert.deepEqual(elsewhere, { ours: false, mark: null, request_id: null })
  const altered = Buffer.from((await scratch.speak({ ...VALID, seed: 9 })).rawPayload)
  altered[altered.indexOf('seed=9') + 5] = '8'.charCodeAt(0)
  const found = (await ask(altered)).json()
  assert.deepEqual([found.ours, found.mark.signature, found.mark.seed], [false, 'invalid', 8])
})

test('JSON takes a data: URI, and says so', async () => {
  const speech = await scratch.speak({ ...VALID, seed: 10, output_format: 'ogg' })
  const post = (file: unknown) =>
    scratch.app.inject({
      method: 'POST',
      url: '/v1/provenance',
      headers: { 'x-api-key': scratch.account.key },
      payload: { file },
    })
  assert.equal((await post(`data:audio/ogg;base64,${speech.rawPayload.toString('base64')}`)).json().ours, true)
  for (const wrong of ['https://example.com/a.mp3', 'data:', 7]) {
    const { statusCode, body } = await post(wrong)
    assert.deepEqual([statusCode, JSON.parse(body).param], [400, 'file'], String(wrong))
  }
})
