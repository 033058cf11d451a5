// Loudness against the recommendation's own figures, EBU Tech 3341's gating cases, and numbers that pyloudnorm itself
// gave.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { integratedLoudness } from '../../src/audio/loudness.ts'
import { concatSamples } from '../../src/audio/pcm.ts'
import { silence, sine } from '../harness/signals.ts'

const close = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} instead of ${expected}`)
/** A 1 kHz sine in one channel, `level` dB below full scale; BS.1770 reads it 3.01 LU lower. */
const tone = (level: number, seconds: number, sampleRate = 48_000) =>
  sine(1_000, seconds, sampleRate, 10 ** (level / 20))

for (const sampleRate of [48_000, 44_100, 24_000, 16_000]) {
  test(`a full-scale sine of 997 Hz reads −3.01 LUFS at ${sampleRate} Hz`, () => {
    close(integratedLoudness(sine(997, 5, sampleRate, 1), sampleRate, 'itu'), -3.01, 0.05)
  })
}

test('quiet parts fall to the relative gate, as in EBU Tech 3341 case 3', () => {
  const programme = concatSamples([tone(-36, 10), tone(-23, 60), tone(-36, 10)])
  close(integratedLoudness(programme, 48_000, 'itu'), -23 - 3.01, 0.1)
})

test('very quiet parts fall to the absolute gate, as in EBU Tech 3341 case 4', () => {
  const programme = concatSamples([tone(-72, 10), tone(-36, 10), tone(-23, 60), tone(-36, 10), tone(-72, 10)])
  close(integratedLoudness(programme, 48_000, 'itu'), -23 - 3.01, 0.1)
})

test('parts within 10 LU all count, as in EBU Tech 3341 case 5', () => {
  const programme = concatSamples([tone(-26, 20), tone(-20, 20.1), tone(-26, 20)])
  close(integratedLoudness(programme, 48_000, 'itu'), -23 - 3.01, 0.1)
})

/**
 * Three tones, every third quarter of a second 40 dB down; the numbers below are pyloudnorm 0.2.0's for the same
 * formula.
 */
function pyloudnormSignal(length: number, sampleRate: number): Float32Array {
  const wave = (hertz: number, i: number) => Math.sin((2 * Math.PI * hertz * i) / sampleRate)
  return Float32Array.from({ length }, (_, i) => {
    const envelope = Math.floor(i / (sampleRate / 4)) % 3 === 2 ? 0.01 : 1
    return 0.2 * envelope * (wave(120, i) + 0.5 * wave(1_500, i) + 0.25 * wave(5_200, i))
  })
}

// 10,800 samples make half a step more than one block, which numpy rounds down; 13,200 make one and a half, which it
// rounds up.
for (const [sampleRate, length, expected] of [
  [24_000, 9_600, -16.302022],
  [24_000, 10_800, -16.302022],
  [24_000, 13_200, -16.668243],
  [24_000, 72_000, -17.963576],
  [16_000, 40_000, -18.065708],
  [44_100, 100_000, -17.986295],
] as const) {
  test(`${length} samples at ${sampleRate} Hz read as in pyloudnorm`, () => {
    close(integratedLoudness(pyloudnormSignal(length, sampleRate), sampleRate, 'pyloudnorm'), expected, 1e-5)
  })
}

test('what cannot be measured is −∞: too short, silent, or nowhere above −70 LUFS', () => {
  for (const design of ['itu', 'pyloudnorm'] as const) {
    assert.equal(integratedLoudness(tone(-10, 0.39), 48_000, design), -Infinity)
    assert.equal(integratedLoudness(silence(3, 24_000), 24_000, design), -Infinity)
    assert.equal(integratedLoudness(tone(-75, 3), 48_000, design), -Infinity)
    assert.equal(integratedLoudness(new Float32Array(), 24_000, design), -Infinity)
  }
})
