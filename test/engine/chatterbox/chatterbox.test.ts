import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { concatSamples } from '../../../src/audio/pcm.ts'
import { createChatterboxEngine } from '../../../src/engine/chatterbox/chatterbox.ts'
import type { Engine, Piece, Voice } from '../../../src/engine/engine.ts'
import { readVoice, writeVoice } from '../../../src/engine/voice-file.ts'
import { AppError } from '../../../src/errors.ts'
import { makeVoice } from '../../harness/synthetic-voice.ts'
import { makeTinyBundle, type TinyBundle } from '../../harness/tiny-bundle.ts'

const never = new AbortController().signal
const recording = {
  samples: makeVoice({ seconds: 6, sampleRate: 16000, pitchHz: 120, formantsHz: [600, 1200, 2500] }),
  sampleRate: 16000,
  normLoudness: true,
}
let bundle: TinyBundle
let engine: Engine
let voice: Voice
before(async () => {
  bundle = await makeTinyBundle()
  engine = await createChatterboxEngine(bundle.folder, { threads: 1 })
  voice = await engine.encodeVoice(recording, never)
})
after(async () => {
  await engine[Symbol.asyncDispose]()
  bundle[Symbol.dispose]()
})

const piece = (changes: Partial<Piece> = {}): Piece => ({
  text: 'Hi there. [laugh]',
  index: 0,
  voice,
  sampling: { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 },
  seed: 7,
  ...changes,
})

async function speak(from: Engine, spoken: Piece, signal = never) {
  const chunks = []
  for await (const chunk of from.synthesize(spoken, signal)) chunks.push(chunk)
  return { samples: concatSamples(chunks.map(({ samples }) => samples)), chunks }
}

test('a recording becomes a voice with what the model needs of it', async () => {
  assert.deepEqual([voice.model, voice.version], ['turbo', (await engine.info()).version])
  const shapes = Object.entries(voice.tensors).map(([name, { shape }]) => [name, shape.join()])
  assert.deepEqual(Object.fromEntries(shapes), {
    't3.speaker_emb': '1,32',
    't3.cond_prompt_speech_tokens': '1,150',
    'gen.prompt_token': '1,150',
    'gen.prompt_feat': '1,300,80',
    'gen.embedding': '1,192',
  })
})

test('the same piece gives the same samples: again, in company, and with the voice read from its file', async () => {
  const { samples } = await speak(engine, piece())
  assert.ok(samples.length > 24000 && samples.every((sample) => Math.abs(sample) <= 0.99))
  const company = [piece({ index: 1 }), piece(), piece({ seed: 8 }), piece({ text: 'Bye.' }), piece()]
  const [, second, , , last] = await Promise.all(company.map((each) => speak(engine, each)))
  assert.deepEqual(second?.samples, samples)
  assert.deepEqual(last?.samples, samples)
  const read = readVoice(writeVoice(voice))
  assert.deepEqual((await speak(engine, piece({ voice: read }))).samples, samples)
})

test('another seed, and another place in the text, give another rendition', async () => {
  const renditions = await Promise.all([piece(), piece({ seed: 8 }), piece({ index: 1 })].map((p) => speak(engine, p)))
  const [a, b, c] = renditions.map(({ samples }) => samples.join())
  assert.ok(a !== b && a !== c && b !== c)
})

test('a tag is understood however it is written', async () => {
  const [plain, fancy] = await Promise.all(
    ['Hi. [laugh]', 'Hi. [ Laugh ]'].map((text) => speak(engine, piece({ text }))),
  )
  assert.deepEqual(plain?.samples, fancy?.samples)
})

test('an utterance without end is cut off, and says so', async () => {
  // Random weights hardly ever stop. 100 + 3 · 2 tokens and three of silence, 960 samples each.
  const { samples, chunks } = await speak(engine, piece({ text: 'No' }))
  assert.equal(samples.length, 960 * (106 + 3))
  assert.deepEqual(chunks[0]?.guards, ['token-cap'])
})

test('a text without words has no samples', async () => {
  assert.equal((await speak(engine, piece({ text: '…' }))).chunks.length, 0)
})

test('a voice of another model is refused with what to do', async () => {
  const strange = piece({ voice: { ...voice, version: '0' } })
  await assert.rejects(
    speak(engine, strange),
    (error) => error instanceof AppError && error.code === 'invalid_reference_audio' && /again/.test(error.message),
  )
})

test('an abort stops speaking and encoding, and leaves the engine able', async () => {
  const abort = new AbortController()
  const speaking = assert.rejects(speak(engine, piece(), abort.signal), /caller left/)
  const encoding = assert.rejects(engine.encodeVoice(recording, abort.signal), /caller left/)
  setImmediate(() => abort.abort(new Error('caller left')))
  await Promise.all([speaking, encoding])
  assert.ok((await speak(engine, piece())).samples.length > 0)
})
