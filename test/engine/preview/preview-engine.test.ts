import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { pitchStatistics, trackPitch } from '../../../src/audio/pitch.ts'
import type { AudioChunk, Engine, Piece, Sampling, Voice } from '../../../src/engine/engine.ts'
import { createEngineHandle } from '../../../src/engine/engine-handle.ts'
import { createPreviewEngine } from '../../../src/engine/preview/preview-engine.ts'
import { SOUND_TAGS } from '../../../src/engine/text/tags.ts'
import { readVoice, writeVoice } from '../../../src/engine/voice-file.ts'
import { AppError } from '../../../src/errors.ts'
import { recordSpeaker } from '../../harness/made-speakers.ts'
import { quietLog } from '../../harness/quiet-log.ts'
import { rootMeanSquare } from '../../harness/synthetic-voice.ts'

const RATE = 24_000
const TEXT = 'Nobody was at home. [sigh] So we left a note, and went away again.'
const never = new AbortController().signal
const sampling: Sampling = { temperature: 0.8, topP: 0.95, topK: 1000, minP: 0, repetitionPenalty: 1.2 }

let engine: Engine
let voice: Voice
before(async () => {
  engine = await createPreviewEngine()
  voice = await engine.encodeVoice({ samples: await recordSpeaker('low'), sampleRate: RATE, normLoudness: true }, never)
})

const pieceOf = (text: string, changes: Partial<Piece> = {}): Piece => ({
  text,
  index: 0,
  voice,
  sampling,
  seed: 7,
  ...changes,
})

async function collect(from: Engine, piece: Piece): Promise<AudioChunk[]> {
  const chunks: AudioChunk[] = []
  for await (const chunk of from.synthesize(piece, never)) chunks.push(chunk)
  return chunks
}
async function samplesOf(from: Engine, piece: Piece): Promise<Float32Array> {
  return Float32Array.from((await collect(from, piece)).flatMap(({ samples }) => [...samples]))
}
const startProcess = () =>
  createEngineHandle({
    start: { model: 'preview' },
    idleSeconds: 0,
    onStart: () => {},
    onCrash: () => {},
    log: quietLog,
  })

test('the same piece gives the same samples again, in any order, in any process', async () => {
  const pieces = [pieceOf(TEXT), pieceOf('And then? [laugh] Nothing.', { index: 1 }), pieceOf('The end.', { index: 2 })]
  const here = await Promise.all(pieces.map((piece) => samplesOf(engine, piece)))
  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
  ]) {
    await using elsewhere = startProcess()
    for (const i of order) {
      const piece = pieces[i]
      assert.ok(piece)
      assert.deepEqual(await samplesOf(elsewhere, piece), here[i], `piece ${i}`)
    }
  }
})

test('the same recording gives the same voice in any process', async () => {
  await using elsewhere = startProcess()
  const samples = await recordSpeaker('low')
  assert.deepEqual(await elsewhere.encodeVoice({ samples, sampleRate: RATE, normLoudness: true }, never), voice)
})

test('a voice that went through a file speaks the same', async () => {
  const read = readVoice(writeVoice(voice))
  assert.deepEqual(await samplesOf(engine, pieceOf(TEXT, { voice: read })), await samplesOf(engine, pieceOf(TEXT)))
})

test('another seed or another place in the text is another reading, of nearly the same length and pitch', async () => {
  const first = await samplesOf(engine, pieceOf(TEXT))
  const pitchOf = (samples: Float32Array) => pitchStatistics(trackPitch(samples, RATE))?.medianHz ?? 0
  for (const changes of [{ seed: 8 }, { index: 1 }]) {
    const other = await samplesOf(engine, pieceOf(TEXT, changes))
    assert.notDeepEqual(other, first)
    assert.ok(Math.abs(other.length / first.length - 1) < 0.1)
    assert.ok(Math.abs(pitchOf(other) / pitchOf(first) - 1) < 0.08)
  }
})

test('temperature is how much readings differ; the other sampling parameters change nothing', async () => {
  const lengthsAt = async (temperature: number): Promise<number[]> => {
    const lengths: number[] = []
    for (let seed = 1; seed <= 8; seed++) {
      const piece = pieceOf('Nobody was at home.', { seed, sampling: { ...sampling, temperature } })
      lengths.push((await samplesOf(engine, piece)).length)
    }
    return lengths
  }
  const range = (values: number[]) => Math.max(...values) - Math.min(...values)
  const [cold, warm] = [range(await lengthsAt(0.05)), range(await lengthsAt(1))]
  assert.ok(cold < 0.25 * warm, `${cold} and ${warm} samples`)

  const others: Sampling = { temperature: 0.8, topP: 0.5, topK: 1, minP: 0.5, repetitionPenalty: 2 }
  assert.deepEqual(await samplesOf(engine, pieceOf(TEXT, { sampling: others })), await samplesOf(engine, pieceOf(TEXT)))
})

test('every sound tag makes a sound of its own, as loud as speech at most and different from the others', async () => {
  const speech = rootMeanSquare(await samplesOf(engine, pieceOf('Nobody was at home.')))
  const made: Float32Array[] = []
  for (const tag of SOUND_TAGS) {
    const samples = await samplesOf(engine, pieceOf(`[${tag}]`))
    const level = rootMeanSquare(samples)
    assert.ok(samples.length > 0.4 * RATE && samples.length < 2 * RATE, `${tag} lasts ${samples.length / RATE} s`)
    assert.ok(level > 0.02 * speech && level < 1.5 * speech, `${tag}: ${20 * Math.log10(level / speech)} dB to speech`)
    assert.ok(samples.every((sample) => Math.abs(sample) < 0.99))
    for (const other of made) assert.notDeepEqual(samples, other)
    made.push(samples)
  }
})

test('chunks begin and end in silence: joints do not click', async () => {
  for (const { samples } of await collect(engine, pieceOf(TEXT))) {
    assert.ok(Math.abs(samples[0] ?? 1) < 0.001)
    assert.ok(samples.subarray(-1200).every((sample) => sample === 0))
  }
})

test('text without anything to speak is refused, and the refusal says what is needed', async () => {
  for (const text of ['日本語。', '😀 🎉.', '...', '—', '[happy].']) {
    await assert.rejects(
      collect(engine, pieceOf(text)),
      (error) =>
        error instanceof AppError &&
        error.code === 'invalid_parameter' &&
        error.param === 'text' &&
        /needs English words/.test(error.message),
      text,
    )
  }
})

test('words left out are reported once, with the first chunk', async () => {
  const guards = (await collect(engine, pieceOf('Hello 世界. And good bye.'))).map((chunk) => chunk.guards)
  assert.deepEqual(guards, [['words-left-out'], []])
})

test('a voice of another engine or with rubbish in it is refused', async () => {
  const equalizer = { dtype: 'F32', shape: [3], data: new Float32Array(3) } as const
  const nothing = { dtype: 'F32', shape: [20], data: new Float32Array(20).fill(Number.NaN) } as const
  const wrong: Voice[] = [
    { ...voice, model: 'turbo' },
    { ...voice, version: '0' },
    { ...voice, tensors: {} },
    { ...voice, tensors: { equalizer } },
    { ...voice, tensors: { equalizer: nothing } },
    { ...voice, metadata: { ...voice.metadata, pitchHz: 'NaN' } },
    { ...voice, metadata: { ...voice.metadata, tractPercent: '1e9' } },
    { ...voice, metadata: { ...voice.metadata, base: 'hal' } },
  ]
  for (const other of wrong) {
    await assert.rejects(collect(engine, pieceOf(TEXT, { voice: other })), (error) => {
      return error instanceof AppError && error.code === 'invalid_reference_audio'
    })
  }
})

test('an abort stops before the next sentence', async () => {
  const abort = new AbortController()
  const chunks = engine.synthesize(pieceOf('One. Two. Three. Four.'), abort.signal)[Symbol.asyncIterator]()
  await chunks.next()
  abort.abort(new Error('gone'))
  await assert.rejects(chunks.next(), /gone/)
})

test('calls take turns, sentence by sentence', async () => {
  const order: string[] = []
  const read = async (name: string) => {
    for await (const _ of engine.synthesize(pieceOf('One. Two. Three. Four.'), never)) order.push(name)
  }
  await Promise.all([read('a'), read('b'), read('c')])
  for (let round = 0; round < 4; round++) {
    assert.deepEqual(new Set(order.slice(3 * round, 3 * round + 3)), new Set(['a', 'b', 'c']), order.join(' '))
  }
})
