import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BASE_VOICES, CALIBRATION_SENTENCES } from '../../../src/engine/preview/base-voices.ts'
import { FLITE_SAMPLE_RATE, loadFlite } from '../../../src/engine/preview/flite.ts'
import { profileSpeech } from '../../../src/engine/preview/speech-profile.ts'
import { rootMeanSquare } from '../../harness/synthetic-voice.ts'

for (const base of BASE_VOICES) {
  test(`the constants of ${base.name} are what is measured, within 0.5 %`, async () => {
    const flite = await loadFlite()
    const speech = flite(CALIBRATION_SENTENCES, { voice: base.name, durationStretch: 1 })
    const measured = profileSpeech(speech, FLITE_SAMPLE_RATE)
    assert.ok(measured)
    const isNear = (name: string, value: number, constant: number) =>
      assert.ok(Math.abs(value / constant - 1) < 0.005, `${name}: ${value} measured, ${constant} written down`)
    isNear('pitchHz', measured.pitchHz, base.pitchHz)
    isNear('spreadSemitones', measured.spreadSemitones, base.spreadSemitones)
    isNear('third formant', measured.upperFormantsHz[0], base.upperFormantsHz[0])
    isNear('fourth formant', measured.upperFormantsHz[1], base.upperFormantsHz[1])
    isNear('syllablesPerSecond', measured.syllablesPerSecond, base.syllablesPerSecond)
    isNear('speechLevel', rootMeanSquare(speech), base.speechLevel)
  })
}
