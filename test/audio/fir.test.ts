import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyFilter, designFilter } from '../../src/audio/fir.ts'
import { makeNoise, makeSine, rootMeanSquare } from '../harness/synthetic-voice.ts'

/** The sum that fast convolution must equal. */
function convolveDirectly(samples: Float32Array, filter: Float32Array): Float32Array {
  const delay = (filter.length - 1) / 2
  return samples.map((_, n) => {
    let sum = 0
    for (let k = 0; k < filter.length; k++) sum += (filter[k] ?? 0) * (samples[n + delay - k] ?? 0)
    return sum
  })
}

test('fast convolution equals the direct sum, also across blocks and at both ends', () => {
  const filter = makeNoise(511, 0.1)
  for (const length of [0, 1, 100, 511, 3586, 3587, 9000]) {
    const samples = makeNoise(length, 0.5)
    const fast = applyFilter(samples, filter)
    const direct = convolveDirectly(samples, filter)
    assert.equal(fast.length, length)
    for (let i = 0; i < length; i++) assert.ok(Math.abs((fast[i] ?? 0) - (direct[i] ?? 0)) < 1e-5, `${length}: ${i}`)
  }
})

test('a designed filter has the wanted gain and no delay', () => {
  const filter = designFilter(511, 24_000, (hz) => (hz < 3000 ? 2 : 0.1))
  for (const [hz, gain] of [
    [500, 2],
    [2500, 2],
    [3500, 0.1],
    [10_000, 0.1],
  ] as const) {
    const tone = makeSine(0.5, 24_000, hz)
    const middle = applyFilter(tone, filter).subarray(2000, 10_000)
    const wanted = tone.subarray(2000, 10_000).map((sample) => sample * gain)
    const error = rootMeanSquare(middle.map((sample, i) => sample - (wanted[i] ?? 0)))
    assert.ok(error < 0.01 * rootMeanSquare(wanted) + 0.001, `${hz} Hz: ${error}`)
  }
})

test('a gain of 1 everywhere changes nothing', () => {
  const samples = makeNoise(5000, 0.5)
  const same = applyFilter(
    samples,
    designFilter(255, 24_000, () => 1),
  )
  for (let i = 0; i < samples.length; i++) assert.ok(Math.abs((same[i] ?? 0) - (samples[i] ?? 0)) < 1e-6)
})
