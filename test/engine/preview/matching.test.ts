import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { integratedLoudness } from '../../../src/audio/loudness.ts'
import { resample } from '../../../src/audio/resample.ts'
import { averageSpectrum, spectralDistance } from '../../../src/audio/spectrum.ts'
import type { Engine, Voice } from '../../../src/engine/engine.ts'
import { FLITE_SAMPLE_RATE, loadFlite } from '../../../src/engine/preview/flite.ts'
import { createPreviewEngine } from '../../../src/engine/preview/preview-engine.ts'
import { profileSpeech } from '../../../src/engine/preview/speech-profile.ts'
import { AppError } from '../../../src/errors.ts'
import { loudnessOf, recordSpeaker, SPEAKER_NAMES, type SpeakerName } from '../../harness/made-speakers.ts'
import { makeNoise, makeSine, rootMeanSquare } from '../../harness/synthetic-voice.ts'

const RATE = 24_000
const never = new AbortController().signal
const sampling = { temperature: 0.8, topP: 0.95, topK: 1000, minP: 0, repetitionPenalty: 1.2 }
/** Not among the sentences that matching calibrates with. */
const TEXT =
  'Glue the sheet to the dark blue background. These days a chicken leg is a rare dish. Two blue fish swam in the tank. ' +
  'The box was thrown beside the parked truck.'

let engine: Engine
const recordings = {} as Record<SpeakerName, Float32Array>
before(async () => {
  engine = await createPreviewEngine()
  for (const name of SPEAKER_NAMES) recordings[name] = await recordSpeaker(name)
})

const encode = (samples: Float32Array, sampleRate = RATE, normLoudness = false): Promise<Voice> =>
  engine.encodeVoice({ samples, sampleRate, normLoudness }, never)

async function speak(voice: Voice): Promise<Float32Array> {
  const chunks: Float32Array[] = []
  for await (const { samples } of engine.synthesize({ text: TEXT, index: 0, voice, sampling, seed: 5 }, never))
    chunks.push(samples)
  return Float32Array.from(chunks.flatMap((samples) => [...samples]))
}

for (const name of SPEAKER_NAMES) {
  test(`the preview of a ${name} voice has its pitch, colour, tract and loudness`, async () => {
    const voice = await encode(recordings[name])
    const spoken = await speak(voice)
    const [reference, heard] = [profileSpeech(recordings[name], RATE), profileSpeech(spoken, RATE)]
    assert.ok(reference && heard)
    assert.ok(Math.abs(heard.pitchHz / reference.pitchHz - 1) < 0.1, `${heard.pitchHz} Hz for ${reference.pitchHz} Hz`)
    assert.ok(Math.abs(heard.spreadSemitones - reference.spreadSemitones) < 1)

    const base = name === 'high' ? 'slt' : 'rms'
    assert.equal(voice.metadata.base, base)
    const plain = (await loadFlite())([TEXT], { voice: base, durationStretch: 1 })
    const before = averageSpectrum(resample(plain, FLITE_SAMPLE_RATE, RATE), RATE)
    const distanceDb = spectralDistance(heard.spectrum, reference.spectrum)
    assert.ok(distanceDb < 0.75 * spectralDistance(before, reference.spectrum), `${distanceDb} dB`)

    assert.ok(Math.abs(integratedLoudness(spoken, RATE, 'itu') - loudnessOf(name)) < 1.5)
    assert.ok(spoken.every((sample) => Math.abs(sample) < 0.99))
    assert.ok(20 * Math.log10(rootMeanSquare(spoken)) > -35)
  })
}

test('with normLoudness every voice speaks at -23 LUFS', async () => {
  for (const name of SPEAKER_NAMES) {
    const spoken = await speak(await encode(recordings[name], RATE, true))
    assert.ok(
      Math.abs(integratedLoudness(spoken, RATE, 'itu') + 23) < 1.5,
      `${integratedLoudness(spoken, RATE, 'itu')}`,
    )
  }
})

test('a whisper-quiet and a roaring recording give voices of bearable loudness that never clip', async () => {
  for (const [gain, lufs] of [
    [0.005, -30],
    [4, -14],
  ] as const) {
    const recording = recordings.high.map((sample) => Math.max(-1, Math.min(1, sample * gain)))
    const spoken = await speak(await encode(recording))
    assert.ok(
      Math.abs(integratedLoudness(spoken, RATE, 'itu') - lufs) < 1.5,
      `${integratedLoudness(spoken, RATE, 'itu')}`,
    )
    assert.ok(spoken.every((sample) => Math.abs(sample) < 0.99))
  }
})

for (const sampleRate of [8000, 16_000, 44_100]) {
  test(`a recording at ${sampleRate} Hz gives nearly the same voice`, async () => {
    const [voice, same] = [
      await encode(resample(recordings.low, RATE, sampleRate), sampleRate),
      await encode(recordings.low),
    ]
    assert.equal(voice.metadata.base, same.metadata.base)
    assert.ok(Math.abs(Number(voice.metadata.pitchHz) / Number(same.metadata.pitchHz) - 1) < 0.04)
    assert.ok(voice.tensors.equalizer?.data.every((gain) => Number.isFinite(Number(gain))))
  })
}

const NO_SPEECH: readonly (readonly [string, Float32Array])[] = [
  ['silence', new Float32Array(6 * RATE)],
  ['noise', makeNoise(6 * RATE, 0.3)],
  ['a tenth of a second', makeSine(0.1, RATE, 150)],
  ['nothing', new Float32Array(0)],
  ['a constant', new Float32Array(6 * RATE).fill(0.5)],
]
for (const [what, samples] of NO_SPEECH) {
  test(`${what} is refused as a reference`, async () => {
    await assert.rejects(
      encode(samples),
      (error) => error instanceof AppError && error.code === 'invalid_reference_audio',
    )
  })
}

test('odd recordings that hold something periodic give a voice or a refusal, never a crash or a broken voice', async () => {
  const odd = [
    makeSine(6, RATE, 440),
    makeSine(6, RATE, 70),
    recordings.high.map(Math.sign),
    recordings.high.subarray(0, RATE),
  ]
  for (const samples of odd) {
    const spoken = await encode(samples)
      .then(speak)
      .catch((error) => {
        assert.ok(error instanceof AppError && error.code === 'invalid_reference_audio', String(error))
      })
    if (spoken) assert.ok(spoken.every((sample) => Math.abs(sample) < 0.99))
  }
})
