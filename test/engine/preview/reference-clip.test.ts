import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeReferenceClip, REFERENCE_CLIP } from '../../../bench/reference-clip.ts'
import { pitchStatistics, trackPitch } from '../../../src/audio/pitch.ts'
import { resample } from '../../../src/audio/resample.ts'
import { averageSpectrum, spectralDistance } from '../../../src/audio/spectrum.ts'
import { CALIBRATION_SENTENCES } from '../../../src/engine/preview/base-voices.ts'
import { FLITE_SAMPLE_RATE, loadFlite } from '../../../src/engine/preview/flite.ts'
import { rootMeanSquare } from '../../harness/synthetic-voice.ts'

const bytes = readFileSync(REFERENCE_CLIP)
const samples = Float32Array.from({ length: (bytes.length - 44) / 2 }, (_, i) => bytes.readInt16LE(44 + 2 * i) / 32768)

test('the bundled clip is what its script makes, byte for byte', async () => {
  const same = Buffer.from(await makeReferenceClip()).equals(bytes)
  assert.ok(same, 'something on its way changed: if that was meant, run node build/bench/reference-clip.js')
})

test('the bundled clip is long enough, small, clean and not clipped', () => {
  assert.equal(bytes.readUInt32LE(24), 24_000)
  assert.ok(samples.length > 8 * 24_000 && samples.length < 10 * 24_000)
  assert.ok(bytes.length < 500_000)
  assert.ok(samples.every((sample) => Math.abs(sample) < 0.95))
  for (const end of [samples.subarray(0, 1200), samples.subarray(-240)]) assert.ok(rootMeanSquare(end) < 0.003)
})

test('the bundled voice is no plain Flite voice', async () => {
  const flite = await loadFlite()
  const own = pitchStatistics(trackPitch(samples, 24_000))
  assert.ok(own)
  for (const voice of ['slt', 'rms', 'awb'] as const) {
    const speech = flite(CALIBRATION_SENTENCES, { voice, durationStretch: 1 })
    const pitch = pitchStatistics(trackPitch(speech, FLITE_SAMPLE_RATE))
    const semitones = 12 * Math.log2(own.medianHz / (pitch?.medianHz ?? 1))
    const colourDb = spectralDistance(
      averageSpectrum(samples, 24_000),
      averageSpectrum(resample(speech, FLITE_SAMPLE_RATE, 24_000), 24_000),
    )
    assert.ok(Math.abs(semitones) > 2 || colourDb > 3, `${voice}: ${semitones} semitones, ${colourDb} dB`)
  }
})
