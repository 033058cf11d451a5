// OpenAI's own client, unmodified, against a real server; and what other clients of that API are known to send.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI, { APIError, AuthenticationError, NotFoundError } from 'openai'
import { formatCredits } from '../../src/billing/prices.ts'
import { OPENAI_FORMATS, OPENAI_MODELS, OPENAI_VOICES } from '../../src/contract/openai.ts'
import { AppError } from '../../src/errors.ts'
import { findJob } from '../../src/jobs/job.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { addVoice } from '../../src/storage/stored-voices.ts'
import { BUILT_IN_VOICES } from '../../src/synthesis/built-in-voices.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { openScratchApp, SAMPLE_RATE, VALID } from './scratch-app.ts'
import { listen, openStream, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01' })
const { account, db, engine, asked } = scratch
const port = await listen(scratch)
const client = new OpenAI({ apiKey: account.key, baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 })
const speech = { model: 'tts-1', voice: 'nova', input: 'Hello there.' } as const
const referenceOf = () => {
  const { reference } = asked.at(-1) ?? {}
  return reference?.kind === 'string' ? reference.value : undefined
}
const refusedWith = (status: number, type: string, code: string, param: string | null) => (error: unknown) => {
  assert.ok(error instanceof APIError)
  assert.deepEqual([error.status, error.type, error.code, error.param], [status, type, code, param])
  return true
}

test('the official client speaks in every format, and MP3 without being asked', async () => {
  const magic = { mp3: /^(ID3|\xff[\xe0-\xff])/, opus: /^OggS/, flac: /^fLaC/, wav: /^RIFF/, pcm: /^/ }
  for (const [response_format, start] of [...Object.entries(magic), [undefined, magic.mp3] as const]) {
    const format = response_format as keyof typeof OPENAI_FORMATS | undefined
    const answer = await client.audio.speech.create({ ...speech, ...(format ? { response_format: format } : {}) })
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.match(bytes.toString('latin1', 0, 4), start, String(format))
    assert.equal(asked.at(-1)?.format, OPENAI_FORMATS[format ?? 'mp3'])
  }
})

test('the client gets the first audio while the rest is being made, and the whole of it at the end', async () => {
  const input = piecesText(3)
  const whole = await scratch.speak({ text: input, reference_audio: 'voice:ada', output_format: 'pcm' })
  let letOn = () => {}
  const opened = new Promise<void>((resolve) => {
    letOn = resolve
  })
  engine.beforeChunk = ({ index }) => (index === 2 ? opened : undefined)
  const answer = await client.audio.speech.create({ ...speech, input, response_format: 'pcm' })
  const chunks: Uint8Array[] = []
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    letOn() // the end is made only when the beginning was heard
  }
  engine.beforeChunk = () => {}
  assert.ok(Buffer.concat(chunks).equals(whole.rawPayload))
  const job = await findJob(db, undefined, answer.headers.get('x-request-id') ?? '')
  assert.ok(job?.state === 'completed')
  assert.equal(formatCredits(job.chargeMicro), whole.headers['x-cost'])
})

test('a failure half-way is a failure for the client, never a short file', async () => {
  engine.beforeChunk = ({ index }) => {
    if (index === 2) throw new AppError('invalid_reference_audio', 'No.')
  }
  const answer = await client.audio.speech.create({ ...speech, input: piecesText(3) })
  await assert.rejects(answer.arrayBuffer())
  engine.beforeChunk = () => {}
})

test('stream_format sse gives events that end with usage', async () => {
  const answer = await client.audio.speech.create({ ...speech, stream_format: 'sse' })
  const events = (await answer.text())
    .trim()
    .split('\n\n')
    .map((event) => JSON.parse(event.split('\n')[1]?.slice('data: '.length) ?? ''))
  assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(['speech.audio.delta', 'speech.audio.done']))
  assert.deepEqual(Object.keys(events.at(-1).usage), ['input_tokens', 'output_tokens', 'total_tokens'])
})

test('the client reads errors as it reads those of OpenAI', async () => {
  const stranger = new OpenAI({ apiKey: 'sk-wrong', baseURL: client.baseURL, maxRetries: 0 })
  await assert.rejects(stranger.audio.speech.create(speech), AuthenticationError)
  await assert.rejects(stranger.models.list(), refusedWith(401, 'authentication_error', 'invalid_api_key', null))
  const wrong = refusedWith.bind(undefined, 400, 'invalid_request_error', 'invalid_parameter')
  await assert.rejects(client.audio.speech.create({ ...speech, response_format: 'aac' }), wrong('response_format'))
  await assert.rejects(client.audio.speech.create({ ...speech, speed: 1.25 }), wrong('speed'))
  await assert.rejects(client.audio.speech.create({ ...speech, voice: 'nobody' }), wrong('voice'))
  await assert.rejects(
    client.audio.speech.create({ ...speech, input: ' ' }),
    refusedWith(400, 'invalid_request_error', 'missing_parameter', 'input'),
  )
  await assert.rejects(client.audio.speech.create({ ...speech, model: 'whisper-1' }), NotFoundError)
  await assert.rejects(
    client.audio.speech.create({ ...speech, input: 'a'.repeat(10_001) }),
    refusedWith(400, 'invalid_request_error', 'text_too_long', 'input'),
  )
  const wrongVerb = await scratch.app.inject({ method: 'PUT', url: '/v1/audio/speech' })
  assert.deepEqual([wrongVerb.statusCode, wrongVerb.json().error.code], [405, 'method_not_allowed'])
})

test('instructions and what nobody knows are ignored and named; speed 1 and null are nothing', async () => {
  const { response, whole } = await openStream(
    port,
    account.key,
    {
      ...speech,
      instructions: 'Whisper.',
      speed: 1,
      seed: null,
      volume: 11,
      text: undefined,
      reference_audio: undefined,
    },
    {},
    '/v1/audio/speech',
  )
  await whole
  assert.deepEqual(
    [response.statusCode, response.headers['x-ignored-parameters']],
    [200, 'instructions, stream, volume'],
  )
})

test('models are listed and found under the names that clients have built in', async () => {
  const listed = await client.models.list()
  assert.deepEqual(
    listed.data.map(({ id }) => id),
    [...OPENAI_MODELS],
  )
  assert.equal((await client.models.retrieve('tts-1')).object, 'model')
  await assert.rejects(client.models.retrieve('gpt-5'), NotFoundError)
})

test('voices: built-in ones, OpenAI’s names for them, and the account’s own by id and by name', async (t) => {
  const folder = await makeTemporaryFolder()
  t.after(() => import('node:fs/promises').then(({ rm }) => rm(folder, { recursive: true })))
  const added = await addVoice(
    db,
    createFileBlobs(folder),
    {
      accountId: account.accountId,
      name: 'My Voice',
      description: null,
      consent: 'yes',
      sha256: '0'.repeat(64),
      content: { kind: 'recording', seconds: 9, sentSeconds: 9, startSeconds: 0 },
      checks: [],
      bytes: Buffer.from('a recording'),
    },
    10,
  )
  assert.ok(added.kind === 'added')
  const { id } = added.voice
  const listed = (await client.get('/audio/voices')) as { voices: { id: string; name: string }[] }
  assert.deepEqual(
    listed.voices.map((voice) => voice.id),
    [id, ...BUILT_IN_VOICES.map((voice) => voice.id)],
  )
  for (const name of Object.keys(OPENAI_VOICES)) {
    assert.ok(
      BUILT_IN_VOICES.some((voice) => voice.id === OPENAI_VOICES[name]),
      name,
    )
  }
  const cases = { nova: 'ada', Bruno: 'bruno', '': 'default' }
  for (const [voice, builtIn] of Object.entries(cases)) {
    await (await client.audio.speech.create({ ...speech, voice })).arrayBuffer()
    assert.equal(referenceOf(), `voice:${builtIn}`)
  }
  for (const voice of [id, 'my voice']) {
    // What is stored here is nothing that could be spoken with; that it was found is enough.
    await client.audio.speech.create({ ...speech, voice }).then(
      (answer) => answer.arrayBuffer(),
      () => {},
    )
    assert.equal(referenceOf(), `voice:${id}`)
  }
})

const post = (payload: object, headers: Record<string, string> = {}) =>
  scratch.app.inject({
    method: 'POST',
    url: '/v1/audio/speech',
    headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json', ...headers },
    payload,
  })

test('what Open WebUI sends: speech, and lists without a key', async () => {
  const spoken = await post(
    { model: 'tts-1', input: 'Hello there.', voice: 'alloy' },
    { 'x-openwebui-user-name': 'Anna' },
  )
  assert.deepEqual([spoken.statusCode, spoken.headers['content-type']], [200, 'audio/mpeg'])
  const voices = await scratch.app.inject('/v1/audio/voices')
  assert.deepEqual(
    voices.json().voices.map(({ id, name }: { id: string; name: string }) => [id, name]),
    BUILT_IN_VOICES.map(({ id, name }) => [id, name]),
  )
  const models = await scratch.app.inject('/v1/audio/models')
  assert.deepEqual(
    models.json().models.map(({ id }: { id: string }) => id),
    [...OPENAI_MODELS],
  )
  const stranger = await scratch.app.inject({ url: '/v1/audio/voices', headers: { authorization: 'Bearer wrong' } })
  assert.equal(stranger.statusCode, 401)
})

test('what SillyTavern sends', async () => {
  const spoken = await post({
    input: 'Hello there.',
    response_format: 'mp3',
    voice: 'shimmer',
    speed: 1,
    model: 'tts-1',
  })
  assert.deepEqual([spoken.statusCode, spoken.headers['content-type']], [200, 'audio/mpeg'])
  assert.equal(spoken.headers['x-ignored-parameters'], undefined)
})

test('the full stop with which Home Assistant tries a key is a short silence, and is refused where it is no such client’s', async () => {
  const tried = await post({ model: 'tts-1', input: '.', voice: 'shimmer', response_format: 'pcm', speed: 1 })
  assert.equal(tried.statusCode, 200)
  assert.ok(tried.rawPayload.length === 2 * 0.3 * SAMPLE_RATE && tried.rawPayload.every((byte) => byte === 0))
  const before = await scratch.balanceMicro()
  for (const stream of [false, true]) {
    const refused = await scratch.speak({ ...VALID, text: '.', stream })
    assert.deepEqual(
      [refused.statusCode, refused.json().code, refused.json().param],
      [400, 'invalid_parameter', 'text'],
    )
  }
  assert.equal(await scratch.balanceMicro(), before)
})

test('what openai_tts of Home Assistant sends: speech in two formats, and the list of voices', async () => {
  for (const [response_format, media] of [
    ['mp3', 'audio/mpeg'],
    ['opus', 'audio/ogg'],
  ]) {
    const body = { model: 'gpt-4o-mini-tts', input: 'Hello there.', voice: 'shimmer', response_format, speed: 1.0 }
    const spoken = await post({ ...body, instructions: 'Calmly.' }, { 'user-agent': 'HomeAssistant-OpenAI-TTS' })
    assert.deepEqual([spoken.statusCode, spoken.headers['content-type']], [200, media])
    assert.equal(spoken.headers['x-ignored-parameters'], 'instructions')
  }
  const voices = await scratch.app.inject({
    url: '/v1/audio/voices?limit=100',
    headers: { authorization: `Bearer ${account.key}` },
  })
  assert.ok(voices.json().voices.every(({ id, name }: { id: string; name: string }) => id && name))
})
