// /v1/voices: what is kept and what is refused, whose it is, and that every API speaks with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { decodeAndCheck } from '../../src/audio/decode/decode.ts'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { CONSENT_IN_OUR_WORDS, voiceListSchema, voiceSchema } from '../../src/contract/voices.ts'
import { writeVoice } from '../../src/engine/voice-file.ts'
import { removeDeletedVoices, removeOrphanBlobs } from '../../src/jobs/sweep.ts'
import { makeAccount, type TestAccount } from '../harness/accounts.ts'
import { mix, pinkNoise, scaledToRms, silence, sine, speechLike } from '../harness/signals.ts'
import { multipart } from './multipart-body.ts'
import { buildScratchApp, openScratchApp, REFERENCE, VALID, withResolvers } from './scratch-app.ts'

const RATE = 16_000
const never = new AbortController().signal
const scratch = await openScratchApp()
const { app, db, blobs, account } = scratch
const wavOf = async (samples: Float32Array) => Buffer.from(await encodeAudio(samples, RATE, 'wav'))
const dataUrl = (bytes: Uint8Array) => `data:audio/wav;base64,${Buffer.from(bytes).toString('base64')}`
const wav = await wavOf(speechLike(7, RATE))
const encoded = (version: string) => dataUrl(writeVoice({ model: 'preview', version, tensors: {}, metadata: {} }))
/** A voice file, where it does not matter what is kept: decoding a recording takes a processor for a while. */
const VOICE = { name: 'Anna', consent: true, reference_audio: encoded('1') }

const send = (method: InjectOptions['method'], url: string, body?: unknown, by: TestAccount = account) =>
  app.inject({
    method: method ?? 'GET',
    url,
    headers: { 'x-api-key': by.key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  })
const create = (changes: Record<string, unknown> = {}, by = account) =>
  send('POST', '/v1/voices', { ...VOICE, ...changes }, by)
const made = async (changes: Record<string, unknown> = {}, by = account) => {
  const response = await create(changes, by)
  assert.equal(response.statusCode, 200, response.body)
  return voiceSchema.strict().parse(response.json())
}
const refusal = (response: LightMyRequestResponse) => [
  response.statusCode,
  response.json().code,
  ...(response.json().param === undefined ? [] : [response.json().param]),
]
const speakWith = (voice: string, headers: Record<string, string> = {}) =>
  scratch.speak({ ...VALID, reference_audio: voice }, headers)
async function countBlobs(store = blobs): Promise<number> {
  let count = 0
  for await (const _ of store.list('stored-voices')) count++
  return count
}

test('a recording becomes a voice that can be shown, played, exported and spoken with', async () => {
  const form = multipart([
    { name: 'name', value: 'Anna' },
    { name: 'consent', value: 'true' },
    { name: 'description', value: 'warm' },
    { name: 'reference_audio', file: wav },
  ])
  const response = await app.inject({
    method: 'POST',
    url: '/v1/voices',
    headers: { 'x-api-key': account.key, ...form.headers },
    payload: form.payload,
  })
  assert.equal(response.statusCode, 200, response.body)
  assert.equal(response.headers['x-cost'], undefined)
  const voice = voiceSchema.strict().parse(response.json())
  assert.deepEqual(
    [voice.name, voice.description, voice.kind, voice.seconds, voice.recording, voice.checks, voice.is_builtin],
    ['Anna', 'warm', 'recording', 7, { seconds: 7, start: 0 }, [], false],
  )
  assert.equal(voice.consent?.statement, CONSENT_IN_OUR_WORDS)
  assert.deepEqual((await send('GET', `/v1/voices/${voice.id}`)).json(), voice)
  assert.equal(voice.preview_url, `https://tts.example/v1/voices/${voice.id}/preview`)

  const preview = await send('GET', `/v1/voices/${voice.id}/preview`)
  assert.deepEqual([preview.statusCode, preview.headers['content-type']], [200, 'audio/flac'])
  assert.match(String(preview.headers['cache-control']), /private/)
  const limits = { maxSeconds: 60, cpuMs: 60_000 }
  const { recording, check } = await decodeAndCheck(preview.rawPayload, limits, never)
  assert.deepEqual([recording.sampleRate, check.seconds, check.problems], [24_000, 7, []])
  const exported = await send('GET', `/v1/voices/${voice.id}/export`)
  assert.deepEqual(exported.rawPayload, preview.rawPayload)
  assert.match(String(exported.headers['content-disposition']), /^attachment; filename="[0-9a-f]{32}\.flac"$/)

  assert.equal((await speakWith(voice.reference_audio)).statusCode, 200)
  const submitted = await send('POST', '/v2/chatterbox-turbo-tts', { ...VALID, reference_audio: voice.reference_audio })
  assert.equal(submitted.statusCode, 200, submitted.body)
})

test('of a long recording the best 15 seconds are kept, and what is wrong with them is advised', async () => {
  const speech = mix(speechLike(16, RATE, { seed: 9 }), scaledToRms(pinkNoise(16, RATE), 0.03))
  const long = new Float32Array(40 * RATE)
  long.set(silence(20, RATE))
  long.set(speech, 20 * RATE)
  const voice = await made({ name: 'Long', reference_audio: dataUrl(await wavOf(long)) })
  assert.deepEqual([voice.seconds, voice.recording?.seconds], [15, 40])
  assert.ok((voice.recording?.start ?? 0) > 18 && (voice.recording?.start ?? 0) < 22)
  assert.deepEqual(
    voice.checks.map(({ kind }) => kind),
    ['noisy'],
  )
  assert.match(voice.checks[0]?.advice ?? '', /quieter place/)
})

test('an upload and a statement of consent are taken, and the statement is kept as it is', async () => {
  const uploaded = await send('POST', '/v1/upload-asset', { data_urls: [dataUrl(await wavOf(speechLike(8, RATE)))] })
  const statement = 'Ben has signed our form of 3 May; “yes” – in writing.'
  const voice = await made({ name: 'Ben', consent: statement, reference_audio: uploaded.json().urls[0] })
  assert.equal(voice.consent?.statement, statement)
  assert.ok(Math.abs(Date.parse(voice.consent?.given_at ?? '') - Date.now()) < 600_000)
})

const shortSpeech = dataUrl(await wavOf(speechLike(4, RATE)))
const tone = dataUrl(await wavOf(sine(220, 8, RATE)))
const REFUSED: [what: string, changes: Record<string, unknown>, refusal: unknown[], words: RegExp][] = [
  ['no name', { name: undefined }, [400, 'missing_parameter', 'name'], /^name is required/],
  ['an empty name', { name: ' ' }, [400, 'invalid_parameter', 'name'], /must not be empty/],
  ['a name of several lines', { name: 'a\nb' }, [400, 'invalid_parameter', 'name'], /one line/],
  ['a name with NUL', { name: 'a\0' }, [400, 'invalid_parameter', 'name'], /one line/],
  ['a long name', { name: 'a'.repeat(101) }, [400, 'invalid_parameter', 'name'], /longer than 100/],
  ['a description that is none', { description: 7 }, [400, 'invalid_parameter', 'description'], /must be a string/],
  [
    'no consent',
    { consent: undefined },
    [400, 'missing_parameter', 'consent'],
    /^consent is required: true, or a statement/,
  ],
  ['consent refused', { consent: false }, [400, 'invalid_parameter', 'consent'], /^consent is required: true/],
  ['consent refused in words', { consent: 'no' }, [400, 'invalid_parameter', 'consent'], /^consent is required: true/],
  ['empty consent', { consent: '' }, [400, 'invalid_parameter', 'consent'], /^consent is required: true/],
  ['endless consent', { consent: 'a'.repeat(2001) }, [400, 'invalid_parameter', 'consent'], /up to 2,000/],
  ['consent with NUL', { consent: 'a\0' }, [400, 'invalid_parameter', 'consent'], /must be text/],
  ['no recording', { reference_audio: undefined }, [400, 'missing_parameter', 'reference_audio'], /is required/],
  [
    'a short recording',
    { reference_audio: shortSpeech },
    [400, 'invalid_reference_audio', 'reference_audio'],
    /must be longer than 5/,
  ],
  ['a tone', { reference_audio: tone }, [400, 'invalid_reference_audio', 'reference_audio'], /No speech can be heard/],
  [
    'no recording at all',
    { reference_audio: REFERENCE },
    [400, 'invalid_reference_audio', 'reference_audio'],
    /rejected/,
  ],
  [
    'a private address',
    { reference_audio: 'https://127.0.0.1/a.wav' },
    [400, 'invalid_reference_audio', 'reference_audio'],
    /public address/,
  ],
  [
    'a stored voice',
    { reference_audio: 'voice:ada' },
    [400, 'invalid_reference_audio', 'reference_audio'],
    /not from a voice that is stored/,
  ],
]
for (const [what, changes, expected, words] of REFUSED) {
  test(`${what} is refused in words, and nothing is kept`, async () => {
    const before = await countBlobs()
    const response = await create(changes)
    assert.deepEqual(refusal(response), expected)
    assert.match(response.json().error, words)
    assert.equal(await countBlobs(), before)
  })
}

test('hostile files are refused, whatever they claim to be', async () => {
  const huge = Buffer.from(wav)
  huge.writeUInt32LE(0xffffffff, 40) // a length that is not there
  huge.writeUInt32LE(0xfffffff0, 4)
  const lyingRate = Buffer.from(wav)
  lyingRate.writeUInt32LE(4_000_000_000, 24)
  const brokenVoice = Buffer.from(writeVoice({ model: 'preview', version: '1', tensors: {}, metadata: {} })).subarray(
    0,
    -3,
  )
  for (const file of [
    lyingRate,
    brokenVoice,
    Buffer.from('<html>'),
    Buffer.alloc(100_000),
    Buffer.from('fLaC\xff\xff'),
  ]) {
    const response = await create({ name: 'Hostile', reference_audio: dataUrl(file) })
    assert.deepEqual(refusal(response), [400, 'invalid_reference_audio', 'reference_audio'])
  }
  // What a lying length leaves to read is a recording all the same.
  assert.equal((await create({ name: 'Lying', reference_audio: dataUrl(huge) })).statusCode, 200)
})

test('the same file under the same name is the same voice; under another name it is another', async () => {
  const file = encoded('of Carl')
  const both = await Promise.all([
    made({ name: 'Carl', reference_audio: file }),
    made({ name: 'Carl', reference_audio: file }),
  ])
  assert.equal(both[0].id, both[1].id)
  const other = await made({ name: 'Carl again', reference_audio: file })
  assert.notEqual(other.id, both[0].id)
  const renamed = await send('PATCH', `/v1/voices/${other.id}`, { name: 'Carl' })
  assert.deepEqual(refusal(renamed), [400, 'invalid_parameter', 'name'])
  assert.equal((await send('GET', `/v1/voices/${other.id}`)).json().name, 'Carl again')
})

test('a voice is renamed and described; what is not named stays', async () => {
  const voice = await made({ name: 'Dora', description: 'first' })
  const change = async (changes: unknown) => {
    const { name, description } = (await send('PATCH', `/v1/voices/${voice.id}`, changes)).json()
    return { name, description }
  }
  assert.deepEqual(await change({ name: 'Dora 2' }), { name: 'Dora 2', description: 'first' })
  assert.deepEqual(await change({ description: null }), { name: 'Dora 2', description: null })
  assert.deepEqual(await change({}), { name: 'Dora 2', description: null })
  assert.deepEqual(refusal(await send('PATCH', `/v1/voices/${voice.id}`, { name: '' })), [
    400,
    'invalid_parameter',
    'name',
  ])
})

test('a voice is its account’s alone', async () => {
  const voice = await made({ name: 'Private' })
  const stranger = await makeAccount(db)
  for (const [method, path, body] of [
    ['GET', ''],
    ['PATCH', '', { name: 'Mine' }],
    ['GET', '/preview'],
    ['GET', '/export'],
    ['DELETE', ''],
  ] as const) {
    const response = await send(method, `/v1/voices/${voice.id}${path}`, body, stranger)
    assert.deepEqual(refusal(response), [404, 'not_found'], `${method} ${path}`)
  }
  const listed = await send('GET', '/v1/voices?limit=100', undefined, stranger)
  assert.deepEqual(
    listed.json().voices.filter(({ is_builtin }: { is_builtin: boolean }) => !is_builtin),
    [],
  )
  const spoken = await app.inject({
    method: 'POST',
    url: '/v1/chatterbox-turbo-tts',
    headers: { 'x-api-key': stranger.key, 'content-type': 'application/json' },
    payload: JSON.stringify({ ...VALID, reference_audio: voice.reference_audio }),
  })
  assert.deepEqual(refusal(spoken), [400, 'invalid_reference_audio', 'reference_audio'])
  assert.match(spoken.json().error, /There is no voice/)
  // The same recording, added by both, is two voices: deleting one leaves the other.
  const own = await made({ name: 'Private' }, stranger)
  assert.notEqual(own.id, voice.id)
  assert.equal((await send('DELETE', `/v1/voices/${own.id}`, undefined, stranger)).statusCode, 200)
  assert.equal((await speakWith(voice.reference_audio)).statusCode, 200)
})

test('a deleted voice is gone with its recording, but for those who name it already', async () => {
  const voice = await made({ name: 'Short-lived' })
  const key = { 'idempotency-key': 'with a voice' }
  const first = await speakWith(voice.reference_audio, key)
  const before = await countBlobs()
  const deleted = await send('DELETE', `/v1/voices/${voice.id}`)
  assert.deepEqual([deleted.statusCode, deleted.json()], [200, { id: voice.id, deleted: true }])
  assert.equal(await countBlobs(), before - 1)
  for (const path of ['', '/preview', '/export'])
    assert.equal((await send('GET', `/v1/voices/${voice.id}${path}`)).statusCode, 404)
  assert.equal((await send('DELETE', `/v1/voices/${voice.id}`)).statusCode, 404)
  assert.deepEqual(refusal(await speakWith(voice.reference_audio)), [400, 'invalid_reference_audio', 'reference_audio'])
  const replayed = await speakWith(voice.reference_audio, key)
  assert.deepEqual([replayed.statusCode, replayed.rawPayload], [200, first.rawPayload])
  assert.equal((await create({ name: 'Short-lived' })).statusCode, 200)
})

test('a job that was submitted with a voice is spoken with it, however soon the voice is deleted', async () => {
  const voice = await made({ name: 'Needed' })
  const held = withResolvers()
  const begun = withResolvers()
  scratch.engine.beforeChunk = () => {
    begun.resolve()
    return held.promise
  }
  const slots = await Promise.all(
    Array.from({ length: 8 }, () =>
      send('POST', '/v2/chatterbox-turbo-tts', { ...VALID, reference_audio: voice.reference_audio }),
    ),
  )
  await begun.promise
  assert.equal((await send('DELETE', `/v1/voices/${voice.id}`)).statusCode, 200)
  const stored = () => db.selectFrom('voices').select('blob_key').where('id', '=', voice.id).executeTakeFirst()
  assert.ok(await blobs.read((await stored())?.blob_key ?? ''))
  assert.deepEqual(refusal(await speakWith(voice.reference_audio)), [400, 'invalid_reference_audio', 'reference_audio'])
  held.resolve()
  scratch.engine.beforeChunk = () => {}
  for (const submitted of slots) {
    const result = await send('GET', `/v2/requests/${submitted.json().request_id}?wait=50`)
    assert.equal(result.json().status, 'COMPLETED', result.body)
  }
  assert.equal(await removeDeletedVoices(db, blobs), 1)
  assert.equal(await stored(), undefined)
})

test('an encoded voice is kept as it is', async () => {
  const file = Buffer.from(writeVoice({ model: 'nano', version: 'abc', tensors: {}, metadata: {} }))
  const voice = await made({ name: 'Encoded', reference_audio: dataUrl(file) })
  assert.deepEqual([voice.kind, voice.model, voice.version, voice.preview_url], ['encoded', 'nano', 'abc', null])
  const exported = await send('GET', `/v1/voices/${voice.id}/export`)
  assert.deepEqual(exported.rawPayload, file)
  assert.equal(exported.headers['content-type'], 'application/octet-stream')
  assert.equal((await send('GET', `/v1/voices/${voice.id}/preview`)).statusCode, 404)
})

test('built-in voices are there for everybody, and stay as they are', async () => {
  const ada = voiceSchema.strict().parse((await send('GET', '/v1/voices/ada')).json())
  assert.deepEqual([ada.is_builtin, ada.reference_audio, ada.consent], [true, 'voice:ada', null])
  const preview = await send('GET', '/v1/voices/ada/preview')
  assert.equal(preview.rawPayload.toString('latin1', 0, 4), 'fLaC')
  assert.equal((await speakWith('voice:ada')).statusCode, 200)
  assert.equal((await speakWith('voice:default')).statusCode, 200)
  assert.deepEqual(refusal(await send('GET', '/v1/voices/default/preview')), [404, 'not_found'])
  for (const response of [
    await send('DELETE', '/v1/voices/ada'),
    await send('PATCH', '/v1/voices/ada', { name: 'A' }),
  ]) {
    assert.deepEqual(refusal(response), [404, 'not_found'])
    assert.match(response.json().error, /built in/)
  }
  assert.deepEqual(refusal(await speakWith('voice:nobody')), [400, 'invalid_reference_audio', 'reference_audio'])
})

test('the list goes through the account’s voices, newest first, and then the built-in ones, page by page', async () => {
  const owner = await makeAccount(db)
  const own = []
  for (const name of ['One', 'Two', 'Three']) own.unshift((await made({ name }, owner)).id)
  const list = async (query: string) => {
    const response = await send('GET', `/v1/voices${query}`, undefined, owner)
    assert.equal(response.statusCode, 200, response.body)
    return voiceListSchema.strict().parse(response.json())
  }
  const all = (await list('')).voices.map(({ id }) => id)
  assert.deepEqual(all.slice(0, 4), [...own, 'default'])
  for (const limit of [1, 2, 3, 5]) {
    const paged: string[] = []
    for (let next: string | null = ''; next !== null; ) {
      const page = await list(`?limit=${limit}${next ? `&before=${next}` : ''}`)
      assert.ok(page.voices.length <= limit)
      paged.push(...page.voices.map(({ id }) => id))
      next = page.next
    }
    assert.deepEqual(paged, all, `pages of ${limit}`)
  }
  for (const query of ['?limit=0', '?limit=101', '?limit=x', '?before=a&before=b'])
    assert.equal((await send('GET', `/v1/voices${query}`)).statusCode, 400, query)
})

test('an account keeps as many voices as it may, however many are added at once', async () => {
  const small = await buildScratchApp(db, { MAX_VOICES_PER_ACCOUNT: '2' })
  const add = (name: string) =>
    small.app.inject({
      method: 'POST',
      url: '/v1/voices',
      headers: { 'x-api-key': small.account.key, 'content-type': 'application/json' },
      payload: JSON.stringify({ ...VOICE, name }),
    })
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map(add))
  assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 200, 409, 409])
  const full = answers.find(({ statusCode }) => statusCode === 409)
  assert.equal(full?.json().code, 'voice_limit_reached')
  assert.match(full?.json().error, /keeps 2 voices/)
  assert.equal(await countBlobs(small.blobs), 2)
  const kept = answers.find(({ statusCode }) => statusCode === 200)?.json()
  assert.equal((await add(kept.name)).json().id, kept.id)
  const headers = { 'x-api-key': small.account.key }
  await small.app.inject({ method: 'DELETE', url: `/v1/voices/${kept.id}`, headers })
  assert.equal((await add('e')).statusCode, 200)
})

test('the sweep keeps the recordings of voices and removes what no voice names', async () => {
  const voice = await made({ name: 'Kept' })
  const orphan = `stored-voices/00/${'0'.repeat(32)}`
  await blobs.put(orphan, Buffer.from('left over'))
  await removeOrphanBlobs(db, blobs, new Date(Date.now() + 60_000))
  assert.equal(await blobs.read(orphan), undefined)
  assert.equal((await send('GET', `/v1/voices/${voice.id}/export`)).statusCode, 200)
})

test('a key is needed', async () => {
  for (const url of ['/v1/voices', '/v1/voices/ada', '/v1/voices/ada/preview'])
    assert.equal((await app.inject({ url })).statusCode, 401, url)
})
