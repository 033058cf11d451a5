// A piece spoken again where a part of it is out: however either was cut, no sample is repeated or left out, and nothing else is passed off
// as it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatSamples } from '../../src/audio/pcm.ts'
import { AppError } from '../../src/errors.ts'
import type { SpokenPart } from '../../src/synthesis/speak-pieces.ts'
import { leaveOut } from '../../src/synthesis/spoken-again.ts'
import { seededRandom, sine } from '../harness/signals.ts'

const WHOLE = sine(440, 0.1, 24_000)

function cut(samples: Float32Array, random: () => number): SpokenPart[] {
  const parts: SpokenPart[] = []
  for (let at = 0; at < samples.length; ) {
    const end = at + 1 + Math.floor(random() * samples.length * 0.4)
    parts.push({ index: 0, isLast: false, samples: samples.subarray(at, end), guards: [], engineSeconds: 0 })
    at = end
  }
  return [...parts, { index: 0, isLast: true, samples: new Float32Array(0), guards: [], engineSeconds: 0 }]
}
const speak = (heard: Float32Array, parts: readonly SpokenPart[]): SpokenPart[] => {
  const rest = leaveOut(heard)
  return parts.flatMap((part) => rest(part) ?? [])
}
const isRefused = (error: unknown) => error instanceof AppError && error.code === 'pieces_unavailable'

test('what is given back is the rest, to the sample, and its end', () => {
  const random = seededRandom(1)
  for (let i = 0; i < 200; i++) {
    const heard = WHOLE.slice(0, Math.floor(random() * (WHOLE.length + 1)))
    const parts = speak(heard, cut(WHOLE, random))
    assert.deepEqual(concatSamples([heard, ...parts.map(({ samples }) => samples)]), WHOLE)
    assert.ok(parts.every(({ samples, isLast }, at) => (isLast ? at === parts.length - 1 : samples.length > 0)))
    assert.ok(parts.at(-1)?.isLast)
  }
})

test('rounding of another kind of machine is the same rendition', () => {
  const other = WHOLE.map((sample, i) => sample + (i % 2 === 0 ? 1e-5 : -1e-5))
  assert.equal(speak(WHOLE.slice(0, 1000), cut(other, seededRandom(2))).at(-1)?.isLast, true)
})

test('another rendition is refused, and one that ends before what was heard', () => {
  const heard = WHOLE.slice(0, 1000)
  assert.throws(() => speak(heard, cut(sine(450, 0.1, 24_000), seededRandom(3))), isRefused)
  assert.throws(() => speak(heard, cut(WHOLE.slice(0, 999), seededRandom(4))), isRefused)
})
