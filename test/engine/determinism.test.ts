// Same text, voice, seed and parameters → same bytes, through the real engine process in the default precision: whoever else is
// speaking, in whatever place of the batch, and after a restart.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { concatSamples } from '../../src/audio/pcm.ts'
import type { Engine, Piece, Voice } from '../../src/engine/engine.ts'
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeVoice } from '../harness/synthetic-voice.ts'
import { makeTinyBundle, type TinyBundle } from '../harness/tiny-bundle.ts'

const never = new AbortController().signal
const sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
const recording = (pitchHz: number) => ({
  samples: makeVoice({ seconds: 6, sampleRate: 16000, pitchHz, formantsHz: [600, 1200, 2500] }),
  sampleRate: 16000,
  normLoudness: true,
})

let bundle: TinyBundle
let engine: Engine
let voice: Voice
let otherVoice: Voice
let alone: Float32Array
const pids: number[] = []

before(async () => {
  bundle = await makeTinyBundle()
  engine = createEngineHandle({
    start: { model: 'turbo', folder: bundle.folder, threads: 1 },
    idleSeconds: 0,
    onStart: (pid) => pids.push(pid),
    onCrash: () => {},
    log: quietLog,
  })
  voice = await engine.encodeVoice(recording(120), never)
  otherVoice = await engine.encodeVoice(recording(190), never)
  alone = await speak(piece)
})
after(async () => {
  await engine[Symbol.asyncDispose]()
  bundle[Symbol.dispose]()
})

const piece = (): Piece => ({ text: 'Hi there. [laugh]', index: 2, voice, sampling, seed: 7 })
/** Unlike it in everything: the longer ones are still there when it ends, the shorter ones leave before. */
const stranger = (id: number): Piece => ({
  text: 'Well, well, what have we here?'.slice(0, 5 + 6 * (id % 5)),
  index: id,
  voice: id % 2 === 0 ? otherVoice : voice,
  sampling: { ...sampling, temperature: 0.5 + id / 10, topK: 50 + id },
  seed: 100 + id,
})

async function speak(spoken: () => Piece, signal = never): Promise<Float32Array> {
  const chunks: Float32Array[] = []
  for await (const { samples } of engine.synthesize(spoken(), signal)) chunks.push(samples)
  return concatSamples(chunks)
}

test('alone, and again', async () => {
  assert.ok(alone.length > 24000 && alone.some((sample) => Math.abs(sample) > 1e-3))
  assert.deepEqual(await speak(piece), alone)
})

// The engine takes sequences in the order of their coming: with `before` strangers before it, that is its place in the batch.
for (const before of [0, 1, 2, 3, 4]) {
  test(`in place ${before} of a batch that others join and leave`, async () => {
    const ids = Array.from({ length: 5 }, (_, i) => i + before)
    const early = ids.slice(0, before).map((id) => speak(() => stranger(id)))
    const ours = speak(piece)
    const late = ids.slice(before).map((id) => speak(() => stranger(id)))
    assert.deepEqual(await ours, alone)
    const others = await Promise.all([...early, ...late])
    assert.equal(new Set(others.map((samples) => samples.join())).size, others.length)
  })
}

test('beside one that is aborted in the middle', async () => {
  const abort = new AbortController()
  const doomed = assert.rejects(
    speak(() => stranger(4), abort.signal),
    /caller left/,
  )
  const ours = speak(piece)
  const other = speak(() => stranger(1))
  setTimeout(() => abort.abort(new Error('caller left')), 50)
  await doomed
  assert.deepEqual(await ours, alone)
  assert.ok((await other).length > 0)
})

test('in a new process, by a voice that the old one encoded and by one of its own', async () => {
  process.kill(pids.at(-1) ?? 0, 'SIGKILL')
  const crashed = await speak(piece).catch(() => undefined)
  if (crashed) assert.deepEqual(crashed, alone)
  assert.deepEqual(await speak(piece), alone)
  assert.equal(pids.length, 2)
  assert.deepEqual(await engine.encodeVoice(recording(120), never), voice)
})

test('in chunks that come early, when asked for low latency: as long as the whole, the same in any company', async () => {
  const early = (): Piece => ({ ...piece(), latency: 'low' })
  const chunks: Float32Array[] = []
  for await (const { samples } of engine.synthesize(early(), never)) chunks.push(samples)
  // Windows of 20, 40 and 80 tokens; the last seven of what is known wait for the next.
  assert.deepEqual(
    chunks.slice(0, 3).map(({ length }) => length / 960),
    [13, 40, 80],
  )
  const samples = concatSamples(chunks)
  const company = await Promise.all([speak(() => stranger(3)), speak(early), speak(() => stranger(1))])
  assert.deepEqual(company[1], samples)
  // The decoder knows less of what follows: the same words by the same voice in the same time, but not the same samples.
  assert.equal(samples.length, alone.length)
  assert.notDeepEqual(samples, alone)
})

test('low latency: who stops listening, or leaves in the middle, leaves the engine to others', async () => {
  const early = { ...piece(), text: 'abcdefghi '.repeat(34).trim(), latency: 'low' } as const
  for await (const { samples } of engine.synthesize(early, never)) {
    assert.ok(samples.length > 0)
    break
  }
  const abort = new AbortController()
  const leaving = (async () => {
    for await (const _ of engine.synthesize(early, abort.signal)) abort.abort(new Error('caller left'))
  })()
  await assert.rejects(leaving, /caller left/)
  assert.deepEqual(await speak(piece), alone)
})

test('a text that never ends is cut off at 1,000 tokens', async () => {
  // Random weights hardly ever stop; 300 letters would be given 1,000 tokens even if they were said slowly.
  const text = 'abcdefghi '.repeat(34).trim()
  const chunks = []
  for await (const chunk of engine.synthesize({ ...piece(), text }, never)) chunks.push(chunk)
  const samples = chunks.reduce((sum, chunk) => sum + chunk.samples.length, 0)
  assert.deepEqual([samples / 960, chunks.at(-1)?.guards], [1000 + 3, ['token-cap']])
})
