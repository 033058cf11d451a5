// The resampler against what it promises: exact length, no delay, flat below 91.5 % of Nyquist, aliases under −100 dB.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resample } from '../../src/audio/resample.ts'
import { harmonicTone, rms, signalToNoiseDb, silence, sine } from '../harness/signals.ts'

const EDGE = 2000 // samples at either end where the filter reaches into the silence outside

const decibels = (ratio: number) => 20 * Math.log10(ratio)
/** Level of the middle of a signal over that of a full-scale sine, in dB. */
const level = (samples: Float32Array) => decibels(rms(samples.subarray(EDGE, -EDGE)) * Math.SQRT2)

// 44,101 → 24,000 has 24,000 phases: the interpolated path.
for (const [fromHz, toHz] of [
  [44_100, 24_000],
  [48_000, 24_000],
  [22_050, 24_000],
  [16_000, 24_000],
  [24_000, 16_000],
  [8_000, 24_000],
  [44_101, 24_000],
] as const) {
  test(`a tone at ${fromHz} Hz comes out of ${toHz} Hz in the same place`, () => {
    const hertz = 0.2 * Math.min(fromHz, toHz)
    const resampled = resample(sine(hertz, 1, fromHz), fromHz, toHz)
    const expected = sine(hertz, resampled.length / toHz, toHz)
    assert.ok(signalToNoiseDb(expected.subarray(EDGE, -EDGE), resampled.subarray(EDGE, -EDGE)) > 110)
  })

  test(`${fromHz} → ${toHz} Hz keeps what lies below 91 % of Nyquist`, () => {
    const nyquist = Math.min(fromHz, toHz) / 2
    for (const part of [0.01, 0.3, 0.6, 0.8, 0.91]) {
      const hertz = part * nyquist
      const gain = level(resample(sine(hertz, 1, fromHz, 1), fromHz, toHz)) - level(sine(hertz, 1, toHz, 1))
      assert.ok(Math.abs(gain) < 0.001, `${hertz} Hz: ${gain} dB`)
    }
  })
}

for (const fromHz of [44_100, 48_000, 96_000, 44_101, 192_000]) {
  test(`tones at ${fromHz} Hz above the new Nyquist frequency are gone at 24,000 Hz`, () => {
    for (const hertz of [12_010, 12_500, 13_200, 16_000, 18_000, 21_000]) {
      assert.ok(level(resample(sine(hertz, 1, fromHz, 1), fromHz, 24_000)) < -100, `${hertz} Hz`)
    }
  })
}

test('the images of a tone are gone after going up', () => {
  const hertz = 3_000
  const resampled = resample(sine(hertz, 1, 8_000, 1), 8_000, 24_000)
  const expected = sine(hertz, resampled.length / 24_000, 24_000, 1)
  assert.ok(signalToNoiseDb(expected.subarray(EDGE, -EDGE), resampled.subarray(EDGE, -EDGE)) > 100)
})

test('the length is that of librosa, for every n and any rates', () => {
  for (const [fromHz, toHz] of [
    [44_100, 24_000],
    [16_000, 24_000],
    [24_000, 16_000],
    [11_025, 24_000],
    [383_999, 24_000],
  ] as const) {
    for (const length of [0, 1, 2, 3, 147, 148, 1_000]) {
      const { length: actual } = resample(new Float32Array(length), fromHz, toHz)
      const exact = Math.ceil((length * toHz) / fromHz)
      assert.ok(actual === exact || actual === exact + 1, `${length} samples, ${fromHz} → ${toHz}: ${actual}`)
    }
  }
  assert.equal(resample(new Float32Array(37_485), 22_050, 24_000).length, 40_801)
  assert.equal(resample(new Float32Array(123_480), 44_100, 24_000).length, 67_200)
})

test('the same rate gives the same samples in new memory', () => {
  const samples = harmonicTone(200, 0.1, 24_000)
  const resampled = resample(samples, 24_000, 24_000)
  assert.deepEqual(resampled, samples)
  assert.notEqual(resampled.buffer, samples.buffer)
})

test('a constant keeps its value exactly in the middle', () => {
  const resampled = resample(silence(1, 44_100).fill(0.25), 44_100, 24_000)
  assert.ok(resampled.subarray(EDGE, -EDGE).every((value) => Math.abs(value - 0.25) < 1e-6))
})
