import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pitchAt, pitchStatistics, trackPitch } from '../../src/audio/pitch.ts'

/** A pulse-like voice: 20 harmonics falling by 6 dB an octave, pitch given by time. */
function buzz(seconds: number, sampleRate: number, hzAt: (seconds: number) => number): Float32Array {
  const samples = new Float32Array(Math.round(seconds * sampleRate))
  let phase = 0
  for (let i = 0; i < samples.length; i++) {
    const hz = hzAt(i / sampleRate)
    phase += (2 * Math.PI * hz) / sampleRate
    let value = 0
    for (let k = 1; k <= 20 && k * hz < sampleRate / 2; k++) value += Math.sin(k * phase) / k
    samples[i] = 0.2 * value
  }
  return samples
}

/** Deterministic noise: a linear congruential generator is enough for a test signal. */
function noise(length: number, level: number): Float32Array {
  let state = 1
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return level * (state / 2 ** 31 - 1)
  })
}

for (const sampleRate of [8000, 11025, 16000, 22050, 24000, 44100, 48000]) {
  test(`steady tones are found within 0.5 % at ${sampleRate} Hz`, () => {
    for (const hz of [70, 100, 131, 220, 330, 440]) {
      const statistics = pitchStatistics(
        trackPitch(
          buzz(1, sampleRate, () => hz),
          sampleRate,
        ),
      )
      assert.ok(statistics, `${hz} Hz is voiced`)
      assert.ok(Math.abs(statistics.medianHz / hz - 1) < 0.005, `${hz} Hz tracked as ${statistics.medianHz}`)
      assert.ok(statistics.voicedRatio > 0.95)
      assert.ok(statistics.spreadSemitones < 0.2)
    }
  })
}

test('a glide is followed in time', () => {
  const track = trackPitch(
    buzz(2, 24000, (t) => 100 * 2 ** (t / 2)),
    24000,
  )
  for (const seconds of [0.3, 0.8, 1.3, 1.8]) {
    const expected = 100 * 2 ** (seconds / 2)
    assert.ok(Math.abs(pitchAt(track, seconds) / expected - 1) < 0.02, `at ${seconds} s: ${pitchAt(track, seconds)}`)
  }
})

test('noise, silence and hum below speech are unvoiced', () => {
  assert.equal(pitchStatistics(trackPitch(new Float32Array(24000), 24000)), undefined)
  const hiss = trackPitch(noise(48000, 0.3), 24000)
  assert.ok((pitchStatistics(hiss)?.voicedRatio ?? 0) < 0.05)
  const hum = trackPitch(
    buzz(1, 24000, () => 30),
    24000,
  )
  assert.ok(hum.hz.every((hz) => hz === 0 || hz >= 55))
})

test('a voice in noise 20 dB below it keeps its pitch', () => {
  const voice = buzz(1, 16000, () => 180)
  const hiss = noise(voice.length, 0.03)
  const statistics = pitchStatistics(
    trackPitch(
      voice.map((v, i) => v + (hiss[i] ?? 0)),
      16000,
    ),
  )
  assert.ok(statistics && Math.abs(statistics.medianHz / 180 - 1) < 0.01)
})

test('the level of a recording does not change its pitch', () => {
  const voice = buzz(1, 16000, () => 150)
  const loud = trackPitch(voice, 16000).hz
  const quiet = trackPitch(
    voice.map((v) => v / 1024),
    16000,
  ).hz
  assert.deepEqual(quiet, loud)
})

test('a recording shorter than a frame has an empty track', () => {
  for (const length of [0, 1, 100, 900]) assert.equal(trackPitch(new Float32Array(length), 16000).hz.length, 0)
})

test('spread is in semitones', () => {
  // Uniform over ±6 semitones: the 16th and 84th percentiles lie ±4.08 semitones from the middle.
  const glide = trackPitch(
    buzz(4, 16000, (t) => 200 * 2 ** ((t - 2) / 4)),
    16000,
  )
  assert.ok(Math.abs((pitchStatistics(glide)?.spreadSemitones ?? 0) - 4.08) < 0.2)
})
