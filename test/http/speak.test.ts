// POST /v1/{slug} when it succeeds: bytes, encodings, headers, JSON, what is passed on and what is charged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completedRequestSchema } from '../../src/contract/requests.ts'
import { buildScratchApp, openScratchApp, REFERENCE, SAMPLE_RATE, SPEAK_URL, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app, account, asked } = scratch

test('a success is 200 with a WAV file: PCM 16 bit, 24 kHz, mono, with its true length', async () => {
  const response = await scratch.speak(VALID)
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['content-type'], 'audio/wav')
  const wav = response.rawPayload
  assert.equal(Number(response.headers['content-length']), wav.length)
  assert.equal(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 12), 'RIFFWAVE')
  assert.equal(wav.readUInt32LE(4), wav.length - 8)
  assert.deepEqual(
    [wav.readUInt16LE(20), wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)],
    [1, 1, 24_000, 16],
  )
})

test('a success carries its accounting in headers', async () => {
  const before = (await scratch.balanceMicro()) ?? 0
  const { headers } = await scratch.speak(VALID)
  assert.match(String(headers['x-request-id']), /^[0-9a-f]{32}$/)
  // 6 characters at 0.05 per 1,000.
  assert.equal(headers['x-cost'], '0.0003')
  assert.equal(headers['x-remaining-credits'], String((before - 300) / 1e6))
  assert.equal(await scratch.balanceMicro(), before - 300)
  assert.equal(await scratch.heldMicro(), 0)
  assert.ok(Number(headers['x-generation-time']) >= 0)
  assert.equal(headers['x-seed-value'], '42')
  assert.equal(headers['x-model'], 'preview')
  assert.deepEqual(JSON.parse(String(headers['x-output-metadata'])), {
    duration: 1,
    sample_rate: SAMPLE_RATE,
    model: 'preview',
    guards: [],
    reference_warnings: [],
  })
  assert.match(
    String(headers['server-timing']),
    /^queue;dur=[\d.]+, reference;dur=[\d.]+, engine;dur=[\d.]+, total;dur=[\d.]+$/,
  )
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['idempotent-replayed'], undefined)
  assert.equal(headers['x-ignored-parameters'], undefined)
})

const MAGIC = { wav: 'RIFF', mp3: 'ID3', ogg: 'OggS', flac: 'fLaC' } as const
for (const [format, mediaType] of Object.entries({
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  pcm: 'audio/pcm',
})) {
  test(`output_format ${format} gives ${mediaType}, whatever Accept says`, async () => {
    const response = await scratch.speak({ ...VALID, output_format: format }, { accept: 'audio/wav' })
    assert.equal(response.headers['content-type'], mediaType)
    const id = response.headers['x-request-id']
    assert.equal(response.headers['content-disposition'], `inline; filename="${id}.${format}"`)
    const magic = MAGIC[format as keyof typeof MAGIC]
    if (magic) assert.equal(response.rawPayload.toString('latin1', 0, magic.length), magic)
    if (format === 'pcm') assert.equal(response.rawPayload.length, SAMPLE_RATE * 2)
  })
}

test('Accept alone chooses the encoding, and an unknown one is no error', async () => {
  for (const [accept, mediaType] of [
    ['audio/mpeg', 'audio/mpeg'],
    ['audio/wav;q=0.1, audio/flac', 'audio/flac'],
    ['text/html', 'audio/wav'],
    ['application/json, text/plain, */*', 'audio/wav'],
    [';;,q=;', 'audio/wav'],
  ]) {
    const response = await scratch.speak(VALID, { accept: accept ?? '' })
    assert.deepEqual([response.statusCode, response.headers['content-type']], [200, mediaType], accept)
  }
})

test('Accept: application/json alone gives the description of the result, with the headers', async () => {
  const response = await scratch.speak({ ...VALID, output_format: 'mp3', seed: 7 }, { accept: 'application/json' })
  assert.match(String(response.headers['content-type']), /^application\/json/)
  const body = completedRequestSchema.strict().parse(response.json())
  assert.equal(body.request_id, response.headers['x-request-id'])
  assert.match(body.output, /^https:\/\/tts\.example\/outputs\/[0-9a-f]{32}\.mp3$/)
  assert.deepEqual(body.audio.content_type, 'audio/mpeg')
  assert.equal(body.audio.file_name, `${body.request_id}.mp3`)
  assert.deepEqual([body.seed, body.model, body.metrics.cost], ['7', 'preview', 0.0003])
  assert.equal(String(body.metrics.remaining_credits), response.headers['x-remaining-credits'])
  const file = await app.inject(new URL(body.output).pathname)
  assert.equal(String(file.rawPayload.length), body.audio.file_size)
})

test('parameters reach synthesis with the contract’s defaults', async () => {
  await scratch.speak(VALID)
  assert.deepEqual(asked.at(-1), {
    text: 'Hello.',
    reference: { kind: 'string', value: REFERENCE },
    sampling: { temperature: 0.7, topP: 0.9, topK: 500, minP: 0, repetitionPenalty: 1.3 },
    seed: 42,
    normLoudness: true,
    format: 'wav',
  })
})

test('parameters reach synthesis as they were sent', async () => {
  const sent = {
    temperature: 0.05,
    top_p: 1,
    top_k: 0,
    min_p: 0.5,
    repetition_penalty: 2,
    seed: -1,
    norm_loudness: false,
  }
  const response = await scratch.speak({ ...VALID, ...sent })
  assert.deepEqual(asked.at(-1)?.sampling, { temperature: 0.05, topP: 1, topK: 0, minP: 0.5, repetitionPenalty: 2 })
  assert.deepEqual([asked.at(-1)?.seed, asked.at(-1)?.normLoudness], [-1, false])
  assert.match(String(response.headers['x-seed-value']), /^[1-9]\d*$/, 'the random seed is reported')
})

test('unknown parameters are ignored and named in a header that any name fits', async () => {
  const unknown = { cfg_weight: 0.5, 'naïve\r\nx: y': 1, ['long'.repeat(50)]: 2, '\ud800': 3 }
  const response = await scratch.speak({ ...VALID, ...unknown, __proto__: null })
  assert.equal(response.statusCode, 200)
  assert.equal(
    response.headers['x-ignored-parameters'],
    `cfg_weight, na%C3%AFve%0D%0Ax%3A%20y, ${'long'.repeat(16)}, %EF%BF%BD`,
  )
})

test('the list of ignored parameters stays short however many there are', async () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${i}`, i]))
  const response = await scratch.speak({ ...VALID, ...many })
  assert.match(String(response.headers['x-ignored-parameters']), /^p0, .*, p19, \.\.\.$/)
})

test('the slug without /v1, and a slash at the end, mean the same', async () => {
  for (const url of ['/chatterbox-turbo-tts', `${SPEAK_URL}/`, '/chatterbox-turbo-tts/']) {
    const response = await app.inject({ method: 'POST', url, headers: { 'x-api-key': account.key }, payload: VALID })
    assert.deepEqual([response.statusCode, response.headers['content-type']], [200, 'audio/wav'], url)
  }
})

test('Authorization: Bearer is a key as well, and x-api-key counts if both are sent', async () => {
  const send = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: SPEAK_URL, headers, payload: VALID })
  assert.equal((await send({ authorization: `Bearer ${account.key}` })).statusCode, 200)
  assert.equal((await send({ authorization: `bearer  ${account.key}` })).statusCode, 200)
  assert.equal((await send({ authorization: 'Bearer wrong', 'x-api-key': account.key })).statusCode, 200)
  assert.equal((await send({ authorization: `Bearer ${account.key}`, 'x-api-key': 'wrong' })).statusCode, 401)
})

test('a caller’s own x-request-id is not believed', async () => {
  const response = await scratch.speak(VALID, { 'x-request-id': 'f'.repeat(32) })
  assert.notEqual(response.headers['x-request-id'], 'f'.repeat(32))
})

test('JSON may begin with a byte order mark and name its charset', async () => {
  const bytes = Buffer.from(`\ufeff${JSON.stringify(VALID)}`)
  const response = await scratch.speak(bytes, { 'content-type': 'Application/JSON; charset="utf-8"' })
  assert.equal(response.statusCode, 200)
})

test('with a default voice, reference_audio may be left out', async () => {
  const other = await buildScratchApp(scratch.db, { DEFAULT_VOICE: 'true' })
  assert.equal((await other.speak({ text: 'Hello.' })).statusCode, 200)
  assert.deepEqual(other.asked.at(-1)?.reference, { kind: 'default' })
  await other.speak(VALID)
  assert.deepEqual(other.asked.at(-1)?.reference, { kind: 'string', value: REFERENCE })
})
