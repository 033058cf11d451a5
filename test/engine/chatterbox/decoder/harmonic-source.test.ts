import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test } from 'node:test'
import { SafetensorsFile } from '../../../../src/compile/checkpoint/safetensors.ts'
import { packageRoot } from '../../../../src/config.ts'
import { fadeIn } from '../../../../src/engine/chatterbox/decoder/fade-in.ts'
import { SAMPLES_PER_FRAME } from '../../../../src/engine/chatterbox/decoder/frame-rates.ts'
import {
  HARMONICS,
  harmonicSource,
  mixedNoise,
  noiseGain,
  startOfHarmonics,
} from '../../../../src/engine/chatterbox/decoder/harmonic-source.ts'
import { largestDifference, noiseTensor } from '../../../harness/graphs.ts'

/** Inputs and results of the official PyTorch code (SineGen, SourceModuleHnNSF, trim_fade), the samples cut to the end of a run. */
const fixture = new SafetensorsFile(path.join(packageRoot, 'test/fixtures/harmonic-source.safetensors'))
after(() => fixture.close())
const read = (name: string) => fixture.readFloat32(name)
const mix = { weights: read('harmonic_weights'), bias: read('harmonic_bias')[0] ?? 0 }

/** The official noise of the last frames, mixed, after silence in the frames before. */
function lateNoise(name: string, frames: number): Float32Array {
  const mixed = mixedNoise(read(name), mix)
  const noise = new Float32Array(frames * SAMPLES_PER_FRAME)
  noise.set(mixed, noise.length - mixed.length)
  return noise
}

test('after 2.4 s the source still has the official phase, to a float32 rounding', () => {
  const f0 = read('f0')
  const randomness = { phases: read('phases'), noise: lateNoise('last_noises', f0.length) }
  const source = harmonicSource(f0, mix, randomness, startOfHarmonics())
  const expected = read('last_source')
  assert.ok(largestDifference(source.subarray(-expected.length), expected) < 2e-6)
})

test('unvoiced frames have louder noise and no sine, and the phase runs on beneath them', () => {
  const f0 = read('unvoiced_f0')
  assert.equal(f0.slice(-5).filter((hertz) => hertz <= 10).length, 2)
  const randomness = { phases: read('unvoiced_phases'), noise: lateNoise('unvoiced_last_noises', f0.length) }
  const source = harmonicSource(f0, mix, randomness, startOfHarmonics())
  const expected = read('unvoiced_last_source')
  assert.ok(largestDifference(source.subarray(-expected.length), expected) < 2e-6)
})

test('a source made in two parts is the source made at once', () => {
  const f0 = read('f0').subarray(0, 20)
  const phases = read('phases')
  const noise = noiseTensor([f0.length * SAMPLES_PER_FRAME], 1).data
  const whole = harmonicSource(f0, mix, { phases, noise }, startOfHarmonics())
  const cycles = startOfHarmonics()
  const cut = 7
  const parts = [
    [0, cut],
    [cut, f0.length],
  ].map(([begin = 0, end = 0]) => {
    const part = noise.subarray(begin * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME)
    return harmonicSource(f0.subarray(begin, end), mix, { phases, noise: part }, cycles)
  })
  assert.deepEqual(Float32Array.from(parts.flatMap((part) => [...part])), whole)
})

test('one noise of the mixed gain is as loud as nine noises mixed', () => {
  const samples = 20000
  const mixed = mixedNoise(noiseTensor([HARMONICS, samples], 2).data, mix)
  const power = mixed.reduce((sum, value) => sum + value * value, 0) / samples
  // The test's noise is uniform in ±1, so its variance is 1/3; 20,000 draws are within 3 % of it.
  assert.ok(Math.abs(power / (noiseGain(mix) ** 2 / 3) - 1) < 0.03)
})

test('the fade in has the official gains', () => {
  const expected = read('fade_in')
  const samples = new Float32Array(expected.length + 5).fill(1)
  fadeIn(samples)
  assert.ok(largestDifference(samples.subarray(0, expected.length), expected) < 2e-7)
  assert.deepEqual(samples.subarray(expected.length), new Float32Array(5).fill(1))
})
