import assert from 'node:assert/strict'
import { test } from 'node:test'
import { medianFormants } from '../../src/audio/formants.ts'
import { pitchStatistics, trackPitch } from '../../src/audio/pitch.ts'
import { changePitch } from '../../src/audio/psola.ts'
import { averageSpectrum, spectralDistance } from '../../src/audio/spectrum.ts'
import { makeNoise, makeVoice, rootMeanSquare } from '../harness/synthetic-voice.ts'

const RATE = 16_000
const voice = makeVoice({
  seconds: 2,
  sampleRate: RATE,
  pitchHz: (seconds) => 120 + 20 * Math.sin(3 * seconds),
  formantsHz: [650, 1500, 2600, 3600],
})
const track = trackPitch(voice, RATE)

for (const factor of [0.75, 0.9, 1.1, 1.3, 1.6]) {
  test(`pitch × ${factor} is what comes out, within 2 %`, () => {
    const moved = pitchStatistics(
      trackPitch(
        changePitch(voice, RATE, track, (hz) => hz * factor),
        RATE,
      ),
    )
    const before = pitchStatistics(track)
    assert.ok(moved && before)
    assert.ok(Math.abs(moved.medianHz / before.medianHz / factor - 1) < 0.02, `${moved.medianHz / before.medianHz}`)
    assert.ok(moved.voicedRatio > 0.9 * before.voicedRatio)
  })
}

test('length, level and formants stay', () => {
  const moved = changePitch(voice, RATE, track, (hz) => hz * 1.25)
  assert.equal(moved.length, voice.length)
  assert.ok(Math.abs(20 * Math.log10(rootMeanSquare(moved) / rootMeanSquare(voice))) < 2.5)
  const [before, after] = [medianFormants(voice, RATE, track), medianFormants(moved, RATE, trackPitch(moved, RATE))]
  for (const i of [1, 2, 3] as const) assert.ok(Math.abs(after[i] / before[i] - 1) < 0.06, `${after[i]} ${before[i]}`)
})

test('the same pitch keeps the colour', () => {
  // Marks of input and output are out of step, so samples cannot be compared; spectra can.
  const same = changePitch(voice, RATE, track, (hz) => hz)
  assert.ok(spectralDistance(averageSpectrum(same, RATE), averageSpectrum(voice, RATE)) < 1)
})

test('what is not voiced passes unchanged', () => {
  const noise = makeNoise(RATE, 0.3)
  const passed = changePitch(noise, RATE, trackPitch(noise, RATE), (hz) => hz * 2)
  const error = rootMeanSquare(passed.map((sample, i) => sample - (noise[i] ?? 0)).subarray(100, RATE - 200))
  assert.ok(error < 0.02, `${error}`)
})

test('a recording without samples stays without', () => {
  const nothing = new Float32Array(0)
  assert.equal(changePitch(nothing, RATE, trackPitch(nothing, RATE), (hz) => hz).length, 0)
})
