// ElevenLabs' own client, unmodified, against a real server; and what else is known to speak that API.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ElevenLabsClient, ElevenLabsError } from '@elevenlabs/elevenlabs-js'
import { decodeFile } from '../../src/audio/decode/decode-file.ts'
import { formatCredits } from '../../src/billing/prices.ts'
import { ELEVENLABS_MODELS } from '../../src/contract/elevenlabs.ts'
import { ELEVENLABS_FORMATS, type ElevenLabsFormat } from '../../src/contract/elevenlabs-formats.ts'
import { AppError } from '../../src/errors.ts'
import { findJob } from '../../src/jobs/job.ts'
import { BUILT_IN_VOICES } from '../../src/synthesis/built-in-voices.ts'
import { keepVoice } from '../harness/kept-voice.ts'
import { openScratchApp, withResolvers } from './scratch-app.ts'
import { listen, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01' })
const { account, app, db, engine, asked } = scratch
const baseUrl = `http://127.0.0.1:${await listen(scratch)}`
const client = new ElevenLabsClient({ apiKey: account.key, baseUrl, maxRetries: 0 })
const text = 'Hello there.'
const builtInIds = BUILT_IN_VOICES.map(({ id }) => id)

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const refusedWith = (statusCode: number, status: string, param?: string) => (error: unknown) => {
  assert.ok(error instanceof ElevenLabsError)
  const { detail } = error.body as { detail: Record<string, unknown> }
  assert.deepEqual([error.statusCode, detail.status, detail.param], [statusCode, status, param])
  assert.match(String(detail.request_id), /^[0-9a-f]{32}$/)
  return true
}

test('convert answers with a whole file at 44.1 kHz, 128 kbit/s, without being asked, and it is charged', async () => {
  const { data, rawResponse } = await client.textToSpeech.convert('ada', { text }).withRawResponse()
  const bytes = await bytesOf(data)
  assert.equal(rawResponse.headers.get('content-type'), 'audio/mpeg')
  const job = await findJob(db, undefined, rawResponse.headers.get('x-request-id') ?? '')
  assert.ok(job?.state === 'completed')
  assert.equal(rawResponse.headers.get('x-cost'), formatCredits(job.chargeMicro))
  const decoded = await decodeFile(bytes, 60)
  assert.ok(decoded.kind === 'recording')
  assert.deepEqual([decoded.recording.sampleRate, decoded.recording.samples.length], [44_100, 44_100])
  assert.ok(Math.abs(bytes.length - 16_000) < 2500, `${bytes.length} bytes of a second`)
})

test('every output format is made as it is named', async () => {
  const check = async (output: ElevenLabsFormat): Promise<void> => {
    const [codec = '', rate] = output.split('_')
    const file = await bytesOf(await client.textToSpeech.convert('ada', { text, outputFormat: output }))
    if (codec === 'pcm') return assert.equal(file.length, Number(rate) * 2, output)
    if (codec.endsWith('law')) return assert.equal(file.length, 8000, output)
    const decoded = await decodeFile(file, 60)
    assert.ok(decoded.kind === 'recording', output)
    const { sampleRate, samples } = decoded.recording
    assert.equal(sampleRate, Number(rate), output)
    assert.ok(Math.abs(samples.length / sampleRate - 1) < 0.12, output) // without an info frame: silence at both ends
  }
  await Promise.all((Object.keys(ELEVENLABS_FORMATS) as ElevenLabsFormat[]).map(check))
})

test('a stream in each codec is the file', async () => {
  // None of these has a head that only the end could fill in.
  const check = async (outputFormat: 'mp3_22050_32' | 'opus_48000_96' | 'pcm_16000' | 'alaw_8000') => {
    const asked = { text: piecesText(2), outputFormat }
    const streamed = await bytesOf(await client.textToSpeech.stream('ada', asked))
    assert.ok(streamed.equals(await bytesOf(await client.textToSpeech.convert('ada', asked))), outputFormat)
  }
  await Promise.all((['mp3_22050_32', 'opus_48000_96', 'pcm_16000', 'alaw_8000'] as const).map(check))
})

test('telephone audio is what the law says of the plain samples, and can be fetched by its id', async () => {
  const plain = await bytesOf(await client.textToSpeech.convert('ada', { text, outputFormat: 'pcm_8000' }))
  const { data, rawResponse } = await client.textToSpeech
    .convert('ada', { text, outputFormat: 'ulaw_8000' })
    .withRawResponse()
  const companded = await bytesOf(data)
  assert.equal(rawResponse.headers.get('content-type'), 'audio/basic')
  for (let i = 0; i < 8000; i++) {
    const sample = plain.readInt16LE(i * 2)
    assert.ok(Math.abs(fromMuLaw(companded[i] ?? 0) - sample) <= 4 + Math.abs(sample) / 16, `sample ${i}`)
  }
  const id = rawResponse.headers.get('x-request-id')
  const found = await app.inject({ url: `/v1/requests/${id}`, headers: { 'x-api-key': account.key } })
  const { pathname } = new URL(found.json().output)
  assert.match(pathname, /\.ulaw$/)
  assert.ok((await app.inject(pathname)).rawPayload.equals(companded))
})

/** ITU-T G.711, the way back. */
function fromMuLaw(byte: number): number {
  const bits = ~byte & 0xff
  const magnitude = ((((bits & 0xf) << 3) + 132) << ((bits >> 4) & 7)) - 132
  return bits & 0x80 ? -magnitude : magnitude
}

test('stream gives the first audio while the rest is being made, the same bytes as the plain API', async () => {
  const long = piecesText(3)
  const whole = await scratch.speak({ text: long, reference_audio: 'voice:ada', output_format: 'pcm' })
  const { promise: opened, resolve: letOn } = withResolvers()
  engine.beforeChunk = ({ index }) => (index === 2 ? opened : undefined)
  const stream = await client.textToSpeech.stream('ada', { text: long, outputFormat: 'pcm_24000' })
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    letOn() // the end is made only when the beginning was heard
  }
  engine.beforeChunk = () => {}
  assert.ok(Buffer.concat(chunks).equals(whole.rawPayload))
})

test('a failure half-way is a failure for the client, never a short file', async () => {
  engine.beforeChunk = ({ index }) => {
    if (index === 2) throw new AppError('invalid_reference_audio', 'No.')
  }
  await assert.rejects(client.textToSpeech.stream('ada', { text: piecesText(3) }).then(bytesOf))
  await assert.rejects(
    client.textToSpeech.convert('ada', { text: piecesText(3) }),
    refusedWith(400, 'invalid_reference_audio'),
  )
  engine.beforeChunk = () => {}
  assert.equal(await scratch.heldMicro(), 0)
})

test('what the model has not is ignored and named; the seed counts; enable_logging false keeps nothing', async () => {
  const { data, rawResponse } = await client.textToSpeech
    .convert('ADA', {
      text,
      modelId: 'eleven_flash_v2_5',
      outputFormat: 'pcm_24000',
      enableLogging: false,
      optimizeStreamingLatency: 3,
      seed: 7,
      previousText: 'Well.',
      languageCode: 'en',
      voiceSettings: { stability: 0.5, similarityBoost: 0.8, style: 0, speed: 1, useSpeakerBoost: true },
    })
    .withRawResponse()
  await bytesOf(data)
  assert.equal(rawResponse.headers.get('x-seed-value'), '7')
  assert.equal(
    rawResponse.headers.get('x-ignored-parameters'),
    'optimize_streaming_latency, voice_settings.stability, voice_settings.similarity_boost, voice_settings.style, voice_settings.use_speaker_boost, previous_text, language_code',
  )
  assert.deepEqual([asked.at(-1)?.retention, asked.at(-1)?.seed], ['none', 7])
})

test('refusals cost nothing and read as those of ElevenLabs, naming the field', async () => {
  const before = await scratch.balanceMicro()
  const speak = client.textToSpeech
  const stranger = new ElevenLabsClient({ apiKey: 'wrong', baseUrl, maxRetries: 0 })
  await assert.rejects(stranger.voices.getAll(), refusedWith(401, 'invalid_api_key'))
  await assert.rejects(stranger.textToSpeech.convert('ada', { text }), refusedWith(401, 'invalid_api_key'))
  await assert.rejects(speak.convert('nobody', { text }), refusedWith(404, 'not_found', 'voice_id'))
  await assert.rejects(speak.stream('ada', { text: ' ' }), refusedWith(400, 'missing_parameter', 'text'))
  await assert.rejects(
    speak.convert('ada', { text, modelId: 'whisper' }),
    refusedWith(404, 'model_not_found', 'model_id'),
  )
  await assert.rejects(speak.convert('ada', { text: 'a'.repeat(10_001) }), refusedWith(400, 'text_too_long', 'text'))
  await assert.rejects(
    speak.convert('ada', { text, voiceSettings: { speed: 1.1 } }),
    refusedWith(400, 'invalid_parameter', 'voice_settings'),
  )
  await assert.rejects(speak.convertWithTimestamps('ada', { text }), refusedWith(404, 'not_found'))
  const format = await app.inject({
    method: 'POST',
    url: '/v1/text-to-speech/ada?output_format=aac_44100',
    headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
    payload: { text },
  })
  assert.deepEqual(
    [format.statusCode, format.json().detail.status, format.json().detail.param],
    [400, 'invalid_parameter', 'output_format'],
  )
  const noKey = await app.inject({ method: 'POST', url: '/v1/text-to-speech/ada', payload: { text } })
  assert.deepEqual([noKey.statusCode, noKey.json().detail.status], [401, 'missing_api_key'])
  assert.equal(await scratch.balanceMicro(), before)
})

test('voices are listed, searched by pages, found and deleted; others are answered as ever', async () => {
  const mine = await keepVoice(db, account.accountId, 'My Voice')
  const { voices } = await client.voices.getAll()
  assert.deepEqual(
    voices.map(({ voiceId }) => voiceId),
    [mine, ...builtInIds],
  )
  assert.deepEqual([voices[0]?.category, voices[1]?.category], ['cloned', 'premade'])
  assert.deepEqual(
    (await client.voices.search({ search: 'my v' })).voices.map(({ voiceId }) => voiceId),
    [mine],
  )
  const seen: string[] = []
  for (let nextPageToken: string | undefined; ; ) {
    const page = await client.voices.search({ pageSize: 2, ...(nextPageToken ? { nextPageToken } : {}) })
    seen.push(...page.voices.map(({ voiceId }) => voiceId))
    assert.equal(page.totalCount, builtInIds.length + 1)
    nextPageToken = page.nextPageToken
    if (!page.hasMore) break
  }
  assert.deepEqual(seen, [mine, ...builtInIds])
  const byName = await client.voices.search({ category: 'premade', sort: 'name', sortDirection: 'asc', pageSize: 100 })
  assert.deepEqual(
    byName.voices.map(({ name }) => name),
    BUILT_IN_VOICES.map(({ name }) => name).sort(),
  )
  assert.equal((await client.voices.get(mine)).name, 'My Voice')
  await assert.rejects(client.voices.get('nobody'), refusedWith(404, 'not_found', 'voice_id'))
  await assert.rejects(
    client.voices.search({ nextPageToken: 'nobody' }),
    refusedWith(400, 'invalid_parameter', 'next_page_token'),
  )
  assert.equal((await client.voices.delete(mine)).status, 'ok')
  const ours = await app.inject({ url: '/v1/voices', headers: { 'x-api-key': account.key } })
  assert.deepEqual(Object.keys(ours.json()), ['voices', 'next'])
  assert.equal(ours.headers.vary, 'xi-api-key')
})

test('models are listed in their shape, and all of them are answered', async () => {
  const models = await client.models.list()
  assert.deepEqual(
    models.map(({ modelId }) => modelId),
    [...ELEVENLABS_MODELS],
  )
  assert.ok(models.every(({ canDoTextToSpeech }) => canDoTextToSpeech))
})

test('what Open WebUI sends to ElevenLabs’ API is answered', async () => {
  const headers = { 'xi-api-key': account.key, 'content-type': 'application/json' }
  const voices = await app.inject({ url: '/v1/voices', headers })
  assert.equal(voices.json().voices[0].voice_id, builtInIds[0])
  const models = await app.inject({ url: '/v1/models', headers })
  assert.equal(models.json()[0].model_id, 'chatterbox-turbo')
  const spoken = await app.inject({
    method: 'POST',
    url: '/v1/text-to-speech/clara',
    headers: { ...headers, accept: 'audio/mpeg' },
    payload: { text, model_id: 'eleven_multilingual_v2', voice_settings: { stability: 0.5, similarity_boost: 0.5 } },
  })
  assert.deepEqual([spoken.statusCode, spoken.headers['content-type']], [200, 'audio/mpeg'])
})

test('the same Idempotency-Key is spoken and charged once', async () => {
  const request = () =>
    app.inject({
      method: 'POST',
      url: '/v1/text-to-speech/ada',
      headers: { 'xi-api-key': account.key, 'content-type': 'application/json', 'idempotency-key': 'once' },
      payload: { text },
    })
  const [first, again] = [await request(), await request()]
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.ok(again.rawPayload.equals(first.rawPayload))
  const other = await app.inject({
    method: 'POST',
    url: '/v1/text-to-speech/ada?output_format=pcm_8000',
    headers: { 'xi-api-key': account.key, 'content-type': 'application/json', 'idempotency-key': 'once' },
    payload: { text },
  })
  assert.equal(other.json().detail.status, 'idempotency_conflict')
})
