// POST /v1/upload-asset: what is taken, what is refused, and that the URL works as a reference.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { UPLOAD_TYPES, uploadedSchema } from '../../src/contract/uploads.ts'
import { writeVoice } from '../../src/engine/voice-file.ts'
import { sine } from '../harness/signals.ts'
import { multipart } from './multipart-body.ts'
import { buildScratchApp, openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app, account, db } = scratch
const samples = sine(220, 0.2, 24_000)
const wav = Buffer.from(await encodeAudio(samples, 24_000, 'wav'))
const dataUrl = (bytes: Buffer, type = 'audio/wav') => `data:${type};base64,${bytes.toString('base64')}`
const upload = (payload: unknown, headers: Record<string, string> = {}, url = '/v1/upload-asset') =>
  app.inject({
    method: 'POST',
    url,
    headers: { 'x-api-key': account.key, 'content-type': 'application/json', ...headers },
    payload: payload as Buffer,
  })

test('data: URIs become public URLs under both names, in order', async () => {
  const mp3 = Buffer.from(await encodeAudio(samples, 24_000, 'mp3'))
  const response = await upload({ data_urls: [dataUrl(wav), dataUrl(mp3, 'audio/mpeg')] })
  assert.equal(response.statusCode, 200)
  const body = uploadedSchema.strict().parse(response.json())
  assert.deepEqual(body.urls, body.file_urls)
  assert.equal(body.message, 'Files uploaded successfully')
  assert.ok(new Date(body.expires_at).getTime() > Date.now())
  assert.match(body.urls[0] ?? '', /^https:\/\/tts\.example\/assets\/[0-9a-f]{32}\.wav$/)
  assert.match(body.urls[1] ?? '', /\.mp3$/)
  const file = await app.inject(new URL(body.urls[0] ?? '').pathname)
  assert.deepEqual([file.statusCode, file.headers['content-type']], [200, 'audio/wav'])
  assert.deepEqual(file.rawPayload, wav)
})

test('the other path answers alike, and files come as parts of any name', async () => {
  const form = multipart([
    { name: 'file', file: wav },
    { name: 'file', file: wav },
    { name: 'third', file: wav },
  ])
  const response = await upload(form.payload, form.headers, '/upload-asset')
  assert.equal(response.json().file_urls.length, 3)
})

test('every format this server makes can be uploaded again', async () => {
  for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
    const bytes = Buffer.from(await encodeAudio(samples, 24_000, format))
    const { urls } = (await upload({ data_urls: [dataUrl(bytes, 'application/octet-stream')] })).json()
    assert.match(urls[0], new RegExp(`\\.${format}$`))
  }
})

test('an encoded voice can be uploaded, under a name of its own', async () => {
  const voice = Buffer.from(writeVoice({ model: 'preview', version: 'tone', tensors: {}, metadata: {} }))
  const { urls } = (await upload({ data_urls: [dataUrl(voice)] })).json()
  assert.match(urls[0], /\/assets\/[0-9a-f]{32}\.safetensors$/)
  const file = await app.inject(new URL(urls[0]).pathname)
  assert.deepEqual([file.statusCode, file.headers['content-type']], [200, 'application/octet-stream'])
  assert.deepEqual(file.rawPayload, voice)
})

test('the type is read off the bytes, not off what the caller says', async () => {
  const { urls } = (await upload({ data_urls: [dataUrl(wav, 'text/html')] })).json()
  assert.equal((await app.inject(new URL(urls[0]).pathname)).headers['content-type'], 'audio/wav')
})

test('no two types share an extension or a way of being recognised', () => {
  const detected = UPLOAD_TYPES.flatMap((type) => type.detected)
  assert.equal(new Set(detected).size, detected.length)
  for (const key of ['name', 'mediaType', 'extension'] as const) {
    assert.equal(new Set(UPLOAD_TYPES.map((type) => type[key])).size, UPLOAD_TYPES.length)
  }
})

test('an upload is used as a reference without a request to ourselves', async () => {
  const { urls } = (await upload({ data_urls: [dataUrl(wav)] })).json()
  const spoken = await scratch.speak({ ...VALID, reference_audio: urls[0] })
  assert.equal(spoken.statusCode, 200)
})

test('uploads and outputs of the account are references below a path as well, outputs for nobody else', async () => {
  const below = await buildScratchApp(db, { PUBLIC_URL: 'http://localhost/a/tts/' })
  const headers = { 'x-api-key': below.account.key, 'content-type': 'application/json' }
  const payload = { data_urls: [dataUrl(wav)] }
  const uploaded = await below.app.inject({ method: 'POST', url: '/v1/upload-asset', headers, payload })
  const [reference_audio] = uploaded.json().urls
  assert.match(reference_audio, /^http:\/\/localhost\/a\/tts\/assets\//)
  const spoken = await below.speak({ ...VALID, reference_audio }, { accept: 'application/json' })
  const { output } = spoken.json()
  assert.match(output, /^http:\/\/localhost\/a\/tts\/outputs\//)
  assert.equal((await below.speak({ ...VALID, reference_audio: output })).statusCode, 200)
  const stranger = await scratch.speak({ ...VALID, reference_audio: output })
  assert.deepEqual([stranger.statusCode, stranger.json().code], [400, 'invalid_reference_audio'])
})

const html = Buffer.from('<!doctype html><script>alert(1)</script>')
const REFUSED: [name: string, body: unknown, code: string, error: RegExp, param: string | undefined][] = [
  ['nothing', {}, 'missing_parameter', /^data_urls is required and must be an array of data: URIs\.$/, 'data_urls'],
  [
    'no list',
    { data_urls: dataUrl(wav) },
    'invalid_parameter',
    /^data_urls must be an array of data: URIs\.$/,
    'data_urls',
  ],
  ['an empty list', { data_urls: [] }, 'invalid_parameter', /^data_urls must hold at least one/, 'data_urls'],
  [
    'too many',
    { data_urls: Array(17).fill(dataUrl(wav)) },
    'invalid_parameter',
    /^data_urls must hold at most 16/,
    'data_urls',
  ],
  [
    'a number in the list',
    { data_urls: [1] },
    'invalid_parameter',
    /^data_urls must be an array of data: URIs\.$/,
    'data_urls',
  ],
  [
    'a web address',
    { data_urls: ['https://a.example/v.wav'] },
    'invalid_parameter',
    /^data_urls\[0\] must be a data: URI/,
    'data_urls',
  ],
  [
    'bad base64',
    { data_urls: ['data:audio/wav;base64,%%%'] },
    'invalid_parameter',
    /^data_urls\[0\] must be a data: URI/,
    'data_urls',
  ],
  [
    'no recording',
    { data_urls: [dataUrl(wav), dataUrl(html)] },
    'invalid_parameter',
    /^data_urls\[1\] is not a recording of a known kind: WAV, MP3, /,
    'data_urls',
  ],
  [
    'an empty recording',
    { data_urls: ['data:audio/wav;base64,'] },
    'invalid_parameter',
    /^data_urls\[0\] is not a recording/,
    'data_urls',
  ],
]
for (const [name, body, code, error, param] of REFUSED) {
  test(`${name} is 400 ${code} and stores nothing`, async () => {
    const count = async () => (await db.selectFrom('uploads').select('token').execute()).length
    const before = await count()
    const response = await upload(body)
    assert.deepEqual([response.statusCode, response.json().code, response.json().param], [400, code, param])
    assert.match(response.json().error, error)
    assert.equal(await count(), before)
  })
}

test('a form without a file, and one with too many, are refused', async () => {
  const none = multipart([{ name: 'file', value: 'text' }])
  const response = await upload(none.payload, none.headers)
  assert.deepEqual(
    [response.statusCode, response.json().code, response.json().param],
    [400, 'missing_parameter', 'file'],
  )
  const many = multipart(Array.from({ length: 17 }, () => ({ name: 'file', file: wav })))
  assert.equal((await upload(many.payload, many.headers)).json().error, 'A request may upload at most 16 files.')
})

test('an upload needs a key, and expires', async () => {
  assert.equal((await upload({ data_urls: [dataUrl(wav)] }, { 'x-api-key': 'wrong' })).statusCode, 401)
  const { urls } = (await upload({ data_urls: [dataUrl(wav)] })).json()
  await db
    .updateTable('uploads')
    .set({ expires_at: new Date(0) })
    .execute()
  assert.equal((await app.inject(new URL(urls[0]).pathname)).statusCode, 404)
})
