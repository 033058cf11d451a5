// The embedded default engine: English speech by Flite, matched to the reference recording in pitch, range, vocal tract,
// colour, tempo and loudness. A preview, not a clone: whose voice it is, accent and emotion stay Flite's.

import { resample } from '../../audio/resample.ts'
import { AppError } from '../../errors.ts'
import type { AudioChunk, Engine, EngineInfo, Piece, ReferenceRecording, Voice } from '../engine.ts'
import { randomNumbers } from '../random.ts'
import { FLITE_SAMPLE_RATE, type Flite, loadFlite } from './flite.ts'
import { integratedLoudness } from './loudness.ts'
import { matchVoice } from './match.ts'
import { clamp, finishSpeech, PREVIEW_SAMPLE_RATE, shapeTract, speakBase } from './render.ts'
import { makeSound, measureTract, soundNumbers } from './sounds.ts'
import { profileSpeech } from './speech-profile.ts'
import { type ScriptItem, writeScript } from './spoken-text.ts'
import { createTurns } from './turns.ts'
import { PREVIEW_VERSION, planToVoice, type VoicePlan, voiceToPlan } from './voice-plan.ts'

/** More of a long recording would not change the medians, only take time. */
const LONGEST_REFERENCE_SECONDS = 30
/** `normLoudness`: the level of EBU R128. */
const STANDARD_LUFS = -23
const PAUSE_AFTER_SENTENCE_SECONDS = 0.3
const PAUSE_NEXT_TO_SOUND_SECONDS = 0.12
/** Silence that is kept around the sound, so that soft beginnings and endings are not cut. */
const KEPT_BEFORE_SECONDS = 0.03
const KEPT_AFTER_SECONDS = 0.08
const FADE_SECONDS = 0.005
const PROSODY = 1
/** The temperature at which variation has its natural size: the contract's default. */
const NATURAL_TEMPERATURE = 0.8

/** Loads Flite and gives the engine; it holds nothing that must be closed but is an Engine like any other. */
export async function createPreviewEngine(): Promise<Engine> {
  const flite = await loadFlite()
  const tracts = new Map<VoicePlan['base'], Float64Array>()
  const takeTurn = createTurns()
  const tractOf = (base: VoicePlan['base']): Float64Array => {
    const tract = tracts.get(base) ?? measureTract(flite, base)
    tracts.set(base, tract)
    return tract
  }
  const info: EngineInfo = { model: 'preview', version: PREVIEW_VERSION, sampleRate: PREVIEW_SAMPLE_RATE }
  return {
    info: async () => info,
    async encodeVoice(recording, signal) {
      await takeTurn(signal)
      return encode(flite, recording)
    },
    async *synthesize(piece, signal) {
      const plan = voiceToPlan(piece.voice)
      const { items, wordsLeftOut } = writeScript(piece.text)
      if (items.length === 0) {
        throw new AppError(
          'invalid_parameter',
          'There is nothing in this text that the preview voice can speak: it needs English words.',
          { param: 'text' },
        )
      }
      const guards = wordsLeftOut ? ['words-left-out'] : []
      for (const [place, item] of items.entries()) {
        await takeTurn(signal)
        const prosody = varyProsody(plan, piece, place)
        const base =
          item.kind === 'sound'
            ? makeSound(
                item.tag,
                { tract: tractOf(plan.base), pitchHz: plan.pitchHz },
                soundNumbers(piece.seed, piece.index, place),
              )
            : trimSilence(speakBase(flite, [item.sentence], prosody.plan))
        const speech = finishSpeech(shapeTract(base, plan.tractPercent), plan)
        yield {
          samples: withPause(speech, pauseAfter(item, items[place + 1]) * prosody.pause),
          guards: place === 0 ? guards : [],
        }
      }
    },
    async [Symbol.asyncDispose]() {},
  } satisfies Engine
}

function encode(flite: Flite, recording: ReferenceRecording): Voice {
  const { sampleRate, normLoudness } = recording
  const cropped = recording.samples.subarray(0, LONGEST_REFERENCE_SECONDS * sampleRate)
  const samples = resample(cropped, sampleRate, PREVIEW_SAMPLE_RATE)
  const profile = profileSpeech(samples, PREVIEW_SAMPLE_RATE)
  const loudnessLufs = integratedLoudness(samples, PREVIEW_SAMPLE_RATE, 'itu')
  const formantsFound = profile?.upperFormantsHz.every((hz) => hz > 0)
  if (!profile || !formantsFound || profile.syllablesPerSecond === 0 || !Number.isFinite(loudnessLufs)) {
    throw new AppError(
      'invalid_reference_audio',
      'No speech was found in the reference recording; send one of a person talking.',
      {
        param: 'reference_audio',
      },
    )
  }
  return planToVoice(matchVoice(flite, profile, normLoudness ? STANDARD_LUFS : loudnessLufs))
}

/** The small differences between two readings of a sentence: pitch ±1 %, range ±8 %, tempo ±2 %, pauses ±15 % (deviation). */
function varyProsody(plan: VoicePlan, piece: Piece, place: number): { plan: VoicePlan; pause: number } {
  const numbers = randomNumbers(piece.seed, piece.index, PROSODY)
  const amount = clamp(piece.sampling.temperature / NATURAL_TEMPERATURE, 0, 1.5)
  const vary = (what: number, deviation: number) =>
    1 + amount * deviation * clamp(numbers.normal(8 * place + what), -2, 2)
  return {
    plan: {
      ...plan,
      pitchHz: plan.pitchHz * vary(0, 0.01),
      spreadSemitones: plan.spreadSemitones * vary(1, 0.08),
      durationStretch: plan.durationStretch * vary(2, 0.02),
    },
    pause: vary(3, 0.15),
  }
}

function pauseAfter(item: ScriptItem, next: ScriptItem | undefined): number {
  return next && (item.kind === 'sound' || next.kind === 'sound')
    ? PAUSE_NEXT_TO_SOUND_SECONDS
    : PAUSE_AFTER_SENTENCE_SECONDS
}

/** Cuts Flite's silences of about 0.2 s at both ends down to a breath: pauses are ours to make. */
function trimSilence(speech: Float32Array): Float32Array {
  const threshold = 0.01 * speech.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)
  const first = speech.findIndex((sample) => Math.abs(sample) > threshold)
  const last = speech.findLastIndex((sample) => Math.abs(sample) > threshold)
  if (first < 0) return speech
  return speech.subarray(
    Math.max(0, first - Math.round(KEPT_BEFORE_SECONDS * FLITE_SAMPLE_RATE)),
    last + Math.round(KEPT_AFTER_SECONDS * FLITE_SAMPLE_RATE),
  )
}

/** Fades both ends in 5 ms, so that no joint clicks, and adds silence. */
function withPause(speech: Float32Array, pauseSeconds: number): AudioChunk['samples'] {
  const fade = Math.min(Math.round(FADE_SECONDS * PREVIEW_SAMPLE_RATE), speech.length >> 1)
  const samples = new Float32Array(speech.length + Math.round(pauseSeconds * PREVIEW_SAMPLE_RATE))
  samples.set(speech)
  for (let i = 0; i < fade; i++) {
    const gain = 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / fade)
    samples[i] = (samples[i] ?? 0) * gain
    const end = speech.length - 1 - i
    samples[end] = (samples[end] ?? 0) * gain
  }
  return samples
}
