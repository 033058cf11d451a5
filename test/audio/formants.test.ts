import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linearPrediction, medianFormants } from '../../src/audio/formants.ts'
import { trackPitch } from '../../src/audio/pitch.ts'
import { makeNoise, makeVoice } from '../harness/synthetic-voice.ts'

const TRACT_HZ = [620, 1450, 2550, 3550]

for (const sampleRate of [16_000, 24_000, 44_100]) {
  test(`the resonances of a synthetic voice are found at ${sampleRate} Hz`, () => {
    const voice = makeVoice({ seconds: 1.5, sampleRate, pitchHz: 110, formantsHz: [...TRACT_HZ, 4500] })
    const found = medianFormants(voice, sampleRate, trackPitch(voice, sampleRate))
    for (const [i, hz] of TRACT_HZ.entries()) {
      // Linear prediction leans towards the nearest harmonic, up to 55 Hz away: that is much of a low formant, little of a high one.
      assert.ok(
        Math.abs((found[i] ?? 0) - hz) < (i < 2 ? 75 : 0.04 * hz),
        `formant ${i + 1}: ${found[i]} instead of ${hz}`,
      )
    }
  })
}

test('a tract 10 % shorter has its formants 10 % higher', () => {
  const measure = (scale: number) => {
    const formantsHz = [...TRACT_HZ, 4500].map((hz) => hz * scale)
    const voice = makeVoice({ seconds: 1.5, sampleRate: 24_000, pitchHz: 120, formantsHz })
    return medianFormants(voice, 24_000, trackPitch(voice, 24_000))
  }
  const [long, short] = [measure(1), measure(1.1)]
  for (const i of [2, 3] as const) assert.ok(Math.abs(short[i] / long[i] - 1.1) < 0.02, `${short[i] / long[i]}`)
})

test('what is not voiced has no formants', () => {
  for (const samples of [new Float32Array(24_000), makeNoise(24_000, 0.3), new Float32Array(0)]) {
    assert.deepEqual(medianFormants(samples, 24_000, trackPitch(samples, 24_000)), [0, 0, 0, 0])
  }
})

test('linear prediction finds the filter that made a signal', () => {
  const noise = makeNoise(20_000, 1)
  const signal = new Float64Array(noise.length)
  for (let i = 0; i < signal.length; i++) {
    signal[i] = (noise[i] ?? 0) + 1.3 * (signal[i - 1] ?? 0) - 0.8 * (signal[i - 2] ?? 0)
  }
  const [a0, a1, a2] = linearPrediction(signal, 2)
  assert.equal(a0, 1)
  assert.ok(Math.abs((a1 ?? 0) + 1.3) < 0.02 && Math.abs((a2 ?? 0) - 0.8) < 0.02, `${a1} ${a2}`)
})
