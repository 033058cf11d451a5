// The library as a program uses it: the engine in its own process, voices from files, and the same bytes as a server.
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { toInt16, toLittleEndian } from '../../src/audio/pcm.ts'
import { createClient } from '../../src/client/client.ts'
import { readConfig } from '../../src/config.ts'
import { AppError, BundleError, createEngine } from '../../src/library/library.ts'
import { BUNDLED_VOICE_FILE, startServer } from '../../src/main.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { makeTinyBundle } from '../harness/tiny-bundle.ts'

const folder = await makeTemporaryFolder()
const bundle = await makeTinyBundle()
const engine = await createEngine({ model: 'preview', dataDir: path.join(folder, 'data') })
after(async () => {
  await engine[Symbol.asyncDispose]()
  bundle[Symbol.dispose]()
  await rm(folder, { recursive: true, force: true })
})
const TEXT =
  'Here is a first sentence that is of such a length that nothing else has a place in its piece. And here is another, which for that reason is a piece of its own.'
const refused = (code: string, param: string) => (error: unknown) =>
  error instanceof AppError && error.code === code && error.param === param

test('the same text, voice and seed give the bytes that a server gives, piece by piece and as a whole', async () => {
  const settings = {
    DATA_DIR: path.join(folder, 'server'),
    PORT: '0',
    MODEL: 'preview',
    BOOTSTRAP_API_KEY: 'cb_library',
  }
  await using server = await startServer(readConfig(settings, {}), quietLog)
  const client = createClient({ baseUrl: server.url, apiKey: 'cb_library' })
  const voice = await readFile(BUNDLED_VOICE_FILE)
  const parameters = { temperature: 0.9, top_k: 50, seed: 7 }
  const asked = { ...parameters, text: TEXT, reference_audio: new Uint8Array(voice), output_format: 'pcm' } as const
  const { bytes, seed, audioSeconds } = await client.speak(asked)
  const ours = await engine.render(TEXT, { ...parameters, voice, format: 'pcm' })
  assert.ok(Buffer.from(ours.bytes).equals(bytes))
  assert.deepEqual([ours.seed, ours.audioSeconds.toFixed(3)], [seed, audioSeconds.toFixed(3)])
  const pieces = []
  for await (const piece of engine.speak(TEXT, { ...parameters, voice })) pieces.push(piece)
  assert.ok(pieces.length > 1)
  assert.deepEqual(
    pieces.map(({ index, pieces: of }) => [index, of]),
    pieces.map((_, i) => [i, pieces.length]),
  )
  assert.ok(Buffer.concat(pieces.map(({ samples }) => toLittleEndian(toInt16(samples)))).equals(bytes))
})

test('of low latency the first piece comes in parts, joined the same each time; a file knows no latency', async () => {
  await using tiny = await createEngine({ model: bundle.folder, threads: 1, dataDir: folder })
  const voice = await tiny.encodeVoice(BUNDLED_VOICE_FILE)
  const speak = async () => {
    const parts = []
    for await (const part of tiny.speak('abcdefghi '.repeat(8), { voice, latency: 'low' })) parts.push(part)
    return parts
  }
  const [parts, again] = [await speak(), await speak()]
  assert.ok(parts.length > 3 && parts.every(({ index }) => index === 0))
  assert.deepEqual(
    parts.map(({ isLast, samples }) => [isLast, samples.length > 0]),
    [...parts.slice(1).map(() => [false, true]), [true, false]],
  )
  assert.deepEqual(again, parts)
  const asked = { voice, latency: 'low' } as object
  assert.deepEqual((await tiny.render('Hi.', asked)).bytes, (await tiny.render('Hi.', { voice })).bytes)
  const wrong = tiny.speak('Hi.', { voice, latency: 'none' as 'low' })
  await assert.rejects(wrong.next(), refused('invalid_parameter', 'latency'))
})

test('a voice is encoded once, and speaks as its recording does', async () => {
  const file = await engine.encodeVoice(BUNDLED_VOICE_FILE)
  const [fromFile, fromRecording] = [
    await engine.render('Hello.', { voice: file }),
    await engine.render('Hello.', { voice: BUNDLED_VOICE_FILE }),
  ]
  assert.deepEqual(fromFile.bytes, fromRecording.bytes)
  const other = await engine.render('Hello.', { voice: 'voice:bruno' })
  assert.notDeepEqual(other.bytes, fromFile.bytes)
})

test('the ending of a file picks the format, and random seeds are reported', async () => {
  const file = path.join(folder, 'hello.flac')
  const { seed, model } = await engine.speakToFile(file, 'Hello.', { seed: 0 })
  assert.equal((await readFile(file)).toString('latin1', 0, 4), 'fLaC')
  assert.ok(seed > 0 && model === 'preview')
  assert.deepEqual(await readFile(file), Buffer.from((await engine.render('Hello.', { seed, format: 'flac' })).bytes))
})

test('what is wrong is named in the words of the API', async () => {
  await assert.rejects(engine.render(' '), refused('missing_parameter', 'text'))
  await assert.rejects(engine.render('Hello.', { top_p: 2 }), refused('invalid_parameter', 'top_p'))
  await assert.rejects(engine.speakToFile('hello.txt', 'Hello.'), refused('invalid_parameter', 'file'))
  const noise = new Uint8Array(1000)
  await assert.rejects(engine.render('Hello.', { voice: noise }), refused('invalid_reference_audio', 'reference_audio'))
  await assert.rejects(engine.render('Hello.', { voice: '/no/such.wav' }), /ENOENT/)
})

test('an aborted signal ends it with its reason, and so does a reader who leaves', async () => {
  const reason = new Error('enough')
  await assert.rejects(engine.render(TEXT, { signal: AbortSignal.abort(reason) }), reason)
  const stop = new AbortController()
  const reading = async () => {
    for await (const _ of engine.speak(TEXT, { signal: stop.signal })) stop.abort(reason)
  }
  await assert.rejects(reading(), reason)
  for await (const { index } of engine.speak(TEXT)) if (index === 0) break
  assert.ok((await engine.render('It still speaks.')).audioSeconds > 0.3)
})

test('a compiled model is named by its folder; a precision that it has not is refused, and so is a folder without one', async () => {
  await using tiny = await createEngine({ model: bundle.folder, precision: 'int8', threads: 1, dataDir: folder })
  assert.equal((await tiny.info()).model, 'turbo')
  const voice = await tiny.encodeVoice(BUNDLED_VOICE_FILE)
  const [first, again] = [await tiny.render('Hi.', { voice }), await tiny.render('Hi.', { voice })]
  assert.equal(first.model, 'turbo')
  assert.deepEqual(first.bytes, again.bytes)
  await assert.rejects(engine.render('Hi.', { voice }), /made by turbo/)
  await assert.rejects(createEngine({ model: bundle.folder, precision: 'fp32' }), BundleError)
  await assert.rejects(createEngine({ model: path.join(folder, 'none') }), BundleError)
  await assert.rejects(createEngine({ model: 'nano', modelDir: folder }), BundleError)
})
