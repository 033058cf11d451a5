// Where one piece of a text ends and the next begins nothing clicks: measured at every joint, against the speech's own loudest steps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatSamples } from '../../src/audio/pcm.ts'
import { createChatterboxEngine } from '../../src/engine/chatterbox/chatterbox.ts'
import type { Engine, Piece } from '../../src/engine/engine.ts'
import { createPreviewEngine } from '../../src/engine/preview/preview-engine.ts'
import { recordSpeaker } from '../harness/made-speakers.ts'
import { makeVoice } from '../harness/synthetic-voice.ts'
import { makeTinyBundle } from '../harness/tiny-bundle.ts'

const never = new AbortController().signal
const PIECES = 21
const sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
/** Half a millisecond to each side of a joint. */
const NEAR = 12

async function speakAll(engine: Engine, recording: Float32Array, sampleRate: number): Promise<Float32Array[]> {
  const voice = await engine.encodeVoice({ samples: recording, sampleRate, normLoudness: true }, never)
  const spoken: Float32Array[] = []
  for (let index = 0; index < PIECES; index++) {
    const piece: Piece = { text: index % 2 === 0 ? 'Oh.' : 'Well, yes.', index, voice, sampling, seed: 7 }
    const chunks: Float32Array[] = []
    for await (const chunk of engine.synthesize(piece, never)) chunks.push(chunk.samples)
    spoken.push(concatSamples(chunks))
  }
  return spoken
}

/** Largest step and energy of the steps around every joint, as shares of the 99.9th percentile of the same of the speech as a whole. */
function measureJoints(pieces: readonly Float32Array[]): { step: number; energy: number } {
  const whole = concatSamples(pieces)
  const steps = whole.map((sample, i) => Math.abs(sample - (whole[i - 1] ?? 0)))
  const energies = Float64Array.from({ length: Math.floor(steps.length / (2 * NEAR)) }, (_, i) =>
    energyOf(steps.subarray(2 * NEAR * i, 2 * NEAR * (i + 1))),
  )
  const worst = { step: 0, energy: 0 }
  let joint = 0
  for (const piece of pieces.slice(0, -1)) {
    joint += piece.length
    worst.step = Math.max(worst.step, steps[joint] ?? 0)
    worst.energy = Math.max(worst.energy, energyOf(steps.subarray(joint - NEAR, joint + NEAR)))
  }
  return { step: worst.step / percentile(steps), energy: worst.energy / percentile(energies) }
}

const energyOf = (steps: Float32Array): number => steps.reduce((sum, step) => sum + step * step, 0)
const percentile = (values: Float32Array | Float64Array): number =>
  values.toSorted()[Math.floor(0.999 * values.length)] ?? 0

test('the preview', async (t) => {
  await using engine = await createPreviewEngine()
  const joints = measureJoints(await speakAll(engine, await recordSpeaker('low'), 24_000))
  t.diagnostic(JSON.stringify(joints))
  assert.ok(joints.step < 0.1 && joints.energy < 0.1, JSON.stringify(joints))
})

test('Chatterbox, whose made-up weights end a piece wherever they like', async (t) => {
  using bundle = await makeTinyBundle()
  await using engine = await createChatterboxEngine(bundle.folder, { threads: 1 })
  const recording = makeVoice({ seconds: 6, sampleRate: 16000, pitchHz: 120, formantsHz: [600, 1200, 2500] })
  const pieces = await speakAll(engine, recording, 16_000)
  const joints = measureJoints(pieces)
  t.diagnostic(JSON.stringify(joints))
  assert.ok(joints.step < 0.1 && joints.energy < 0.1, JSON.stringify(joints))
  // What the last 5 ms were without their fade: the measurement sees a click.
  const cut = pieces.map((piece) => piece.subarray(0, Math.max(0, piece.length - 240)))
  const clicks = measureJoints(cut)
  t.diagnostic(JSON.stringify(clicks))
  assert.ok(clicks.step > joints.step)
})
