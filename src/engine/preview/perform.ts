// One sentence or sound of a script → finished samples with a pause after them, read a little differently by every seed.
import type { Piece } from '../engine.ts'
import { randomNumbers } from '../random.ts'
import { FLITE_SAMPLE_RATE, type Flite } from './flite.ts'
import { clamp, findBaseVoice, finishSpeech, PREVIEW_SAMPLE_RATE, shapeTract, speakBase } from './render.ts'
import { makeSound, measureTract, soundNumbers } from './sounds.ts'
import type { ScriptItem } from './spoken-text.ts'
import type { VoicePlan } from './voice-plan.ts'

const PAUSE_AFTER_SENTENCE_SECONDS = 0.3
const PAUSE_NEXT_TO_SOUND_SECONDS = 0.12
/** Silence that is kept around the sound, so that soft beginnings and endings are not cut. */
const KEPT_BEFORE_SECONDS = 0.03
const KEPT_AFTER_SECONDS = 0.08
const FADE_SECONDS = 0.005
const PROSODY = 1
/** The temperature at which variation has its natural size: the contract's default. */
const NATURAL_TEMPERATURE = 0.8

/** Performs the item at `place` of a piece's script: at PREVIEW_SAMPLE_RATE, the pause after it included. */
export type Perform = (plan: VoicePlan, piece: Piece, items: readonly ScriptItem[], place: number) => Float32Array

export function createPerformer(flite: Flite): Perform {
  const tracts = new Map<VoicePlan['base'], Float64Array>()
  const tractOf = (base: VoicePlan['base']): Float64Array => {
    const tract = tracts.get(base) ?? measureTract(flite, base)
    tracts.set(base, tract)
    return tract
  }
  return (plan, piece, items, place) => {
    const item = items[place]
    if (!item) return new Float32Array(0)
    const prosody = varyProsody(plan, piece, place)
    let base: Float32Array
    if (item.kind === 'speech') base = trimSilence(speakBase(flite, [item.sentence], prosody.plan))
    else {
      const { speechLevel } = findBaseVoice(plan.base)
      const voice = { tract: tractOf(plan.base), pitchHz: plan.pitchHz, speechLevel }
      base = makeSound(item.tag, voice, soundNumbers(piece.seed, piece.index, place))
    }
    const finished = finishSpeech(shapeTract(base, plan.tractPercent), plan)
    return withPause(finished, pauseAfter(item, items[place + 1]) * prosody.pause)
  }
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
function withPause(speech: Float32Array, pauseSeconds: number): Float32Array {
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
