import assert from 'node:assert/strict'
import { test } from 'node:test'
import { averageSpectrum, bandLevels, spectralDistance, THIRD_OCTAVES_HZ } from '../../src/audio/spectrum.ts'
import { makeNoise, makeSine } from '../harness/synthetic-voice.ts'

test('a tone stands out in its own band', () => {
  for (const hz of [250, 1000, 4000]) {
    const levels = bandLevels(averageSpectrum(makeSine(1, 24_000, hz), 24_000), THIRD_OCTAVES_HZ)
    const loudest = levels.indexOf(Math.max(...levels.map((level) => level ?? Number.NEGATIVE_INFINITY)))
    assert.equal(THIRD_OCTAVES_HZ[loudest], hz)
  }
})

test('white noise is flat, and 20 dB more of it is 20 dB more in every band', () => {
  const quiet = bandLevels(averageSpectrum(makeNoise(96_000, 0.05), 24_000), THIRD_OCTAVES_HZ)
  const loud = bandLevels(averageSpectrum(makeNoise(96_000, 0.5), 24_000), THIRD_OCTAVES_HZ)
  for (const [i, level] of loud.entries()) {
    assert.ok(Math.abs((level ?? 0) - (loud[10] ?? 0)) < 1.5, `${THIRD_OCTAVES_HZ[i]} Hz`)
    assert.ok(Math.abs((level ?? 0) - (quiet[i] ?? 0) - 20) < 0.01)
  }
})

test('pauses do not count', () => {
  const speech = makeNoise(48_000, 0.5)
  const withPauses = new Float32Array(4 * speech.length)
  withPauses.set(speech, speech.length)
  const [a, b] = [averageSpectrum(speech, 24_000), averageSpectrum(withPauses, 24_000)]
  assert.ok(spectralDistance(a, b) < 0.2)
  assert.ok(Math.abs((bandLevels(a, [1000])[0] ?? 0) - (bandLevels(b, [1000])[0] ?? 0)) < 0.2)
})

test('distance does not hear level, but hears colour', () => {
  const noise = makeNoise(48_000, 0.5)
  const brighter = noise.map((sample, i) => sample - 0.9 * (noise[i - 1] ?? 0))
  const white = averageSpectrum(noise, 24_000)
  const quieter = averageSpectrum(
    noise.map((sample) => sample / 100),
    24_000,
  )
  assert.ok(spectralDistance(white, quieter) < 1e-3)
  assert.ok(spectralDistance(white, averageSpectrum(brighter, 24_000)) > 4)
})

test('a band beyond the Nyquist frequency has no level', () => {
  const levels = bandLevels(averageSpectrum(makeNoise(8000, 0.5), 8000), [1000, 3150, 5000])
  assert.equal(typeof levels[0], 'number')
  assert.equal(typeof levels[1], 'number')
  assert.equal(levels[2], undefined)
})

test('silence and next to nothing have a finite spectrum', () => {
  for (const length of [0, 10, 1023, 24_000]) {
    assert.ok(averageSpectrum(new Float32Array(length), 24_000).power.every((power) => power === 0))
  }
})
