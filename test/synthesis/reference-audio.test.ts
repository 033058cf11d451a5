import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import { BUILT_IN_VOICES_FOLDER } from '../../src/synthesis/built-in-voices.ts'
import { type ReferenceDeps, readInlineReference, resolveReference } from '../../src/synthesis/reference-audio.ts'
import type { ReferenceSource } from '../../src/synthesis/speech.ts'
import { startServer } from '../outbound/recording-server.ts'

const never = new AbortController().signal
const TOKEN = '0123456789abcdef0123456789abcdef'
const MIB = 2 ** 20
const ANNA = 'a'.repeat(32)

const deps = (changes: Partial<ReferenceDeps> = {}): ReferenceDeps => ({
  fetcher: createFetcher({ allowHttp: false, allowPrivate: false, timeoutMs: 5000, maxBytes: MIB }),
  maxBytes: MIB,
  readUpload: async (token) => (token === TOKEN ? Buffer.from('upload') : undefined),
  readOutput: async (accountId, token) => (accountId === ANNA && token === TOKEN ? Buffer.from('output') : undefined),
  readVoice: async (accountId, id) => (accountId === ANNA && id === TOKEN ? Buffer.from('her voice') : undefined),
  defaultVoiceFile: undefined,
  ...changes,
})
/** A server on this machine may be fetched from, as on an intranet. */
const local = createFetcher({ allowHttp: true, allowPrivate: true, timeoutMs: 5000, maxBytes: MIB })
const url = (value: string): ReferenceSource => ({ kind: 'string', value })
const resolveText = async (source: ReferenceSource, with_ = deps()) =>
  Buffer.from(await resolveReference(source, with_, never)).toString()
const refused = (message: RegExp) => ({ code: 'invalid_reference_audio', param: 'reference_audio', message })

const BAD_FORMS: [ReferenceSource, RegExp][] = [
  [url('me.wav'), /^Reference media rejected: URL must be a valid HTTPS URL\.$/],
  [url('http://example.com/me.wav'), /^Reference media rejected: URL must use https:, not http:\.$/],
  [url('https://127.0.0.1/me.wav'), /^Reference media rejected: URL must lead to a public address\.$/],
  [url('voice:123'), /After voice: comes the id of a stored voice, or the name of a built-in one/],
  [url('voice:../../etc/passwd'), /After voice: comes the id/],
  [url(`voice:${'a'.repeat(65)}`), /After voice: comes the id/],
  [url('data:audio/wav;base64,?'), /data: URI is not valid/],
  [url('data:audio/wav;base64,'), /The file is empty/],
  [url(`data:;base64,${Buffer.alloc(MIB + 1).toString('base64')}`), /larger than 1 MiB/],
  [{ kind: 'bytes', bytes: new Uint8Array() }, /The file is empty/],
  [{ kind: 'bytes', bytes: new Uint8Array(MIB + 1) }, /larger than 1 MiB/],
]
for (const [source, message] of BAD_FORMS) {
  const name = source.kind === 'string' ? source.value.slice(0, 40) : 'a file of a wrong size'
  test(`${name} is refused at submit, and from the run where that is when it is checked`, async () => {
    assert.throws(() => readInlineReference(source, deps()), refused(message))
    await assert.rejects(resolveReference(source, deps(), never), refused(message))
  })
}

test('without a default voice the reference is required', async () => {
  const missing = { code: 'missing_parameter', param: 'reference_audio' }
  assert.throws(() => readInlineReference({ kind: 'default' }, deps()), missing)
  await assert.rejects(resolveReference({ kind: 'default' }, deps(), never), missing)
})

test('with a default voice it is that file', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'reference-'))
  t.after(() => rm(folder, { recursive: true }))
  const defaultVoiceFile = path.join(folder, 'reference.wav')
  await writeFile(defaultVoiceFile, 'bundled')
  readInlineReference({ kind: 'default' }, deps({ defaultVoiceFile }))
  assert.equal(await resolveText({ kind: 'default' }, deps({ defaultVoiceFile })), 'bundled')
})

test('inline data and files are taken as they are', async () => {
  assert.equal(await resolveText(url('data:audio/wav;base64,UklGRg==')), 'RIFF')
  assert.equal(await resolveText({ kind: 'bytes', bytes: Buffer.from('RIFF') }), 'RIFF')
})

test('an upload of ours is read here, by whatever name this server goes and without the network', async () => {
  const origins = ['http://127.0.0.1:8080', 'https://tts.example.com', 'http://localhost', 'https://example.com/a/tts']
  for (const origin of origins) {
    const source = url(`${origin}/assets/${TOKEN}.wav?x=1`)
    readInlineReference(source, deps())
    assert.equal(await resolveText(source), 'upload')
  }
})

test('an output of ours is read here for the account it belongs to, and for nobody else', async () => {
  for (const origin of ['http://127.0.0.1:8080', 'https://example.com/tts']) {
    const value = `${origin}/outputs/${TOKEN}.mp3`
    readInlineReference(url(value), deps())
    assert.equal(await resolveText({ kind: 'string', value, accountId: ANNA }), 'output')
  }
  for (const accountId of ['b'.repeat(32), undefined]) {
    const value = `http://127.0.0.1:8080/outputs/${TOKEN}.mp3`
    const source: ReferenceSource = { kind: 'string', value, ...(accountId ? { accountId } : {}) }
    await assert.rejects(resolveText(source), refused(/output does not exist or has expired/))
  }
})

test('an upload that is gone is named as such', async () => {
  const source = url(`http://127.0.0.1:8080/assets/${TOKEN.replace('0', 'f')}.wav`)
  readInlineReference(source, deps())
  await assert.rejects(resolveText(source), refused(/upload does not exist or has expired/))
})

test('a path like that of an upload on a server of somebody else is fetched from there', async () => {
  await using server = await startServer((_request, response) => response.end('theirs'))
  const source = url(`http://127.0.0.1:${server.port}/assets/${TOKEN.replace('0', 'f')}.wav`)
  assert.equal(await resolveText(source, deps({ fetcher: local })), 'theirs')
})

test('a URL is fetched each time, and what goes wrong is told in the words of a reference', async () => {
  let status = 200
  let mediaType = 'audio/wav'
  await using server = await startServer((_request, response) =>
    response.writeHead(status, { 'content-type': mediaType }).end('RIFF'),
  )
  const source = url(`http://127.0.0.1:${server.port}/me.wav`)
  const work = () => resolveText(source, deps({ fetcher: local }))
  assert.equal(await work(), 'RIFF')
  assert.equal(await work(), 'RIFF')
  assert.equal(server.requests.length, 2)
  mediaType = 'text/html; charset=utf-8'
  await assert.rejects(work, refused(/leads to a web page/))
  status = 404
  await assert.rejects(work, refused(/^Reference media rejected: URL was answered with status 404\.$/))
})

test('an abort is passed on as it is', async () => {
  const leaving = new AbortController()
  leaving.abort(new Error('left'))
  const work = resolveReference(url('https://example.com/me.wav'), deps(), leaving.signal)
  await assert.rejects(work, { message: 'left' })
})

test('a stored voice is read for the account it belongs to, however its id is written, and for nobody else', async () => {
  const dashed = TOKEN.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-').toUpperCase()
  for (const written of [`voice:${TOKEN}`, `VOICE:${dashed}`]) {
    assert.equal(await resolveText({ kind: 'string', value: written, accountId: ANNA }), 'her voice')
    for (const accountId of ['b'.repeat(32), undefined]) {
      const source: ReferenceSource = { kind: 'string', value: written, ...(accountId ? { accountId } : {}) }
      await assert.rejects(resolveReference(source, deps(), never), refused(/There is no voice 0123/))
    }
  }
})

test('a built-in voice is its file, and the default one is what the model has', async () => {
  const ada = Buffer.from(await resolveReference(url('voice:Ada'), deps(), never))
  assert.ok(ada.equals(await readFile(path.join(BUILT_IN_VOICES_FOLDER, 'ada.flac'))))
  const own = deps({ defaultVoiceFile: path.join(BUILT_IN_VOICES_FOLDER, 'bruno.flac') })
  const byDefault = await resolveReference(url('voice:default'), own, never)
  assert.ok(Buffer.from(byDefault).equals(await readFile(path.join(BUILT_IN_VOICES_FOLDER, 'bruno.flac'))))
  assert.equal((await resolveText(url('voice:default'))).slice(0, 4), 'RIFF')
})
