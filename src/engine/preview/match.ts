// Reference recording → plan: chooses the nearer base voice and finds the numbers with which it sounds like the reference.
// The recipe and what was tried against it: docs/lab-notes.md, 2026-11-22.

import { integratedLoudness } from '../../audio/loudness.ts'
import { pitchStatistics, trackPitch } from '../../audio/pitch.ts'
import { averageSpectrum, bandLevels, type PowerSpectrum, THIRD_OCTAVES_HZ } from '../../audio/spectrum.ts'
import { invariant } from '../../errors.ts'
import { BASE_VOICES, type BaseVoice, CALIBRATION_SENTENCES } from './base-voices.ts'
import { FLITE_SAMPLE_RATE, type Flite } from './flite.ts'
import {
  clamp,
  decibels,
  equalizerCurve,
  findBaseVoice,
  finishSpeech,
  PREVIEW_SAMPLE_RATE,
  shapeTract,
  speakBase,
} from './render.ts'
import type { SpeechProfile } from './speech-profile.ts'
import type { VoicePlan } from './voice-plan.ts'

/** A vocal tract this close to the base voice's is left alone: half of it is measuring error, and it costs intelligibility. */
const TRACT_DEAD_ZONE = 0.05
/** Beyond these a small tract change and another tempo together cost 8 points of word errors. */
const SLOWEST = 1.12
const FASTEST = 0.9
const PITCH_ROUNDS = 3
/** Good enough to stop: an eighth of what a listener notices in speech. */
const PITCH_TOLERANCE = 0.005
const EQUALIZER_ROUNDS = 2
const EQUALIZER_STRENGTH = 0.8
/** What is louder or quieter than this is not brought along: rendering must neither vanish nor live in the limiter. */
const QUIETEST_LUFS = -30
const LOUDEST_LUFS = -14

/**
 * Finds the plan for a reference profile. `loudnessLufs` is the loudness that the voice shall have; it is kept within −30…−14.
 * Takes a few Flite runs: about a second.
 */
export function matchVoice(flite: Flite, reference: SpeechProfile, loudnessLufs: number): VoicePlan {
  const { base, tract } = chooseBase(reference)
  const tempo = clamp(findBaseVoice(base.name).syllablesPerSecond / reference.syllablesPerSecond, FASTEST, SLOWEST)
  const tractPercent = Math.round(100 * tract)
  const start = {
    base: base.name,
    tractPercent,
    durationStretch: (tempo * tractPercent) / 100,
    pitchHz: (reference.pitchHz * 100) / tractPercent,
    spreadSemitones: clamp(reference.spreadSemitones, 1, 5),
  }
  const { plan, speech } = calibratePitch(flite, start)
  const shaped = shapeTract(speech, tractPercent)
  const equalizer = matchColour(averageSpectrum(shaped, PREVIEW_SAMPLE_RATE), reference.spectrum)
  const finished = finishSpeech(shaped, { equalizer, gain: 1 })
  const loudness = integratedLoudness(finished, PREVIEW_SAMPLE_RATE, 'itu')
  const heard = pitchStatistics(trackPitch(finished, PREVIEW_SAMPLE_RATE))
  invariant(heard && Number.isFinite(loudness), 'the calibration speech is silent')
  return {
    ...plan,
    // Another colour lets other frames count as voiced, and the median moves by a few percent: it is the heard one that counts.
    pitchHz: plan.pitchHz * clamp(reference.pitchHz / heard.medianHz, 0.9, 1.1),
    equalizer,
    gain: decibels(clamp(loudnessLufs, QUIETEST_LUFS, LOUDEST_LUFS) - loudness),
  }
}

/** The base voice that has to be bent least, and the ratio of the reference's formants to its own. */
function chooseBase(reference: SpeechProfile): { base: BaseVoice; tract: number } {
  const choices = BASE_VOICES.map((base) => {
    const [third, fourth] = base.upperFormantsHz
    const measured = Math.sqrt((reference.upperFormantsHz[0] / third) * (reference.upperFormantsHz[1] / fourth))
    // 8 % of vocal tract and 8 semitones of pitch bend a voice about equally.
    const bend = Math.abs(Math.log(measured)) / 0.08 + Math.abs(12 * Math.log2(reference.pitchHz / base.pitchHz)) / 8
    return { base, bend, tract: Math.abs(measured - 1) < TRACT_DEAD_ZONE ? 1 : clamp(measured, ...base.tractRange) }
  })
  return choices.reduce((best, choice) => (choice.bend < best.bend ? choice : best))
}

type PitchPlan = Omit<VoicePlan, 'equalizer' | 'gain'>

/** Speaks the calibration sentences until their pitch is what was wanted, and keeps the numbers that gave it. */
function calibratePitch(flite: Flite, wanted: PitchPlan): { plan: PitchPlan; speech: Float32Array } {
  let plan = wanted
  let speech = speakBase(flite, CALIBRATION_SENTENCES, plan)
  for (let round = 1; round < PITCH_ROUNDS; round++) {
    const got = pitchStatistics(trackPitch(speech, FLITE_SAMPLE_RATE))
    invariant(got, 'the calibration speech has no pitch')
    const pitchError = wanted.pitchHz / got.medianHz
    const spreadError = wanted.spreadSemitones / got.spreadSemitones
    if (Math.abs(pitchError - 1) < PITCH_TOLERANCE && Math.abs(spreadError - 1) < 0.1) break
    plan = {
      ...plan,
      pitchHz: plan.pitchHz * clamp(pitchError, 0.7, 1.4),
      spreadSemitones: clamp(plan.spreadSemitones * clamp(spreadError, 0.5, 2), 0.5, 8),
    }
    speech = speakBase(flite, CALIBRATION_SENTENCES, plan)
  }
  return { plan, speech }
}

/** Third-octave gains in dB that bring the colour of one spectrum near the other's. */
function matchColour(own: PowerSpectrum, reference: PowerSpectrum): Float32Array {
  const wanted = bandLevels(reference, THIRD_OCTAVES_HZ)
  let gains = new Float32Array(THIRD_OCTAVES_HZ.length)
  for (let round = 0; round < EQUALIZER_ROUNDS; round++) {
    const got = bandLevels(withGain(own, equalizerCurve(gains)), THIRD_OCTAVES_HZ)
    const missing = THIRD_OCTAVES_HZ.map((_, i) => {
      const [want, have] = [wanted[i], got[i]]
      return want === undefined || have === undefined ? undefined : want - have
    })
    // The level itself is not colour: it is taken out over the bands that carry speech.
    const middle = missing
      .filter((_, i) => isSpeechBand(THIRD_OCTAVES_HZ[i] ?? 0))
      .filter((value) => value !== undefined)
    const level = middle.reduce((sum, value) => sum + value, 0) / Math.max(1, middle.length)
    // A band that the recording's sample rate cannot hold goes as the last one that it can.
    const steps = missing.map(
      (value, i) => (value ?? missing.slice(0, i).findLast((v) => v !== undefined) ?? level) - level,
    )
    gains = gains.map((gain, i) => {
      const step =
        0.25 * (steps[i - 1] ?? steps[i] ?? 0) + 0.5 * (steps[i] ?? 0) + 0.25 * (steps[i + 1] ?? steps[i] ?? 0)
      const hz = THIRD_OCTAVES_HZ[i] ?? 0
      return clamp(gain + EQUALIZER_STRENGTH * step, hz > 7000 ? -24 : -14, hz < 200 ? 4 : 12)
    })
  }
  return gains
}

function isSpeechBand(hz: number): boolean {
  return hz >= 315 && hz <= 5000
}

function withGain(spectrum: PowerSpectrum, gainAt: (hz: number) => number): PowerSpectrum {
  const hzPerBin = spectrum.sampleRate / 2 / (spectrum.power.length - 1)
  return { ...spectrum, power: spectrum.power.map((power, bin) => power * gainAt(bin * hzPerBin) ** 2) }
}
