// The sounds that are not speech (`[laugh]`, `[sigh]`, …), made of the base voice's own vocal tract: pulses at the voice's pitch
// and noise, sent through the resonances of its "ah", in a few gestures per sound. Level, colour and tract of the matched
// voice come later, from the same steps as for speech.
import { linearPrediction } from '../../audio/formants.ts'
import { type RandomNumbers, randomNumbers } from '../random.ts'
import type { SoundTag } from '../text/tags.ts'
import { FLITE_SAMPLE_RATE, type Flite, type FliteVoice } from './flite.ts'

interface Gesture {
  readonly at: number
  readonly seconds: number
  /** Voice is pulses, breath is noise through the vocal tract, hiss is noise made at the teeth. */
  readonly source: 'voice' | 'breath' | 'hiss'
  /** Root mean square, 1 being speech. */
  readonly level: number
  /** Share of the time in which it swells. */
  readonly attack: number
  /** Pitch at start and end over the voice's median; only of a voice. */
  readonly pitch?: readonly [number, number]
  /** Unevenness of the pulses: 0.02 is a healthy voice, 0.15 a throat being cleared. */
  readonly roughness?: number
}

const SOUNDS: Record<SoundTag, readonly Gesture[]> = {
  laugh: laughter(5, 0.19, 1.5, 0.95),
  chuckle: laughter(3, 0.17, 1.15, 0.5),
  sigh: [
    { at: 0, seconds: 0.35, source: 'breath', level: 0.1, attack: 0.7 },
    { at: 0.42, seconds: 0.95, source: 'breath', level: 0.32, attack: 0.15 },
    { at: 0.45, seconds: 0.4, source: 'voice', level: 0.12, attack: 0.3, pitch: [0.95, 0.75] },
  ],
  gasp: [
    { at: 0, seconds: 0.36, source: 'breath', level: 0.35, attack: 0.85 },
    { at: 0.02, seconds: 0.34, source: 'hiss', level: 0.06, attack: 0.85 },
  ],
  cough: [...coughing(0, 0.8), ...coughing(0.34, 0.6)],
  'clear throat': [
    { at: 0, seconds: 0.22, source: 'voice', level: 0.5, attack: 0.25, pitch: [0.8, 0.75], roughness: 0.15 },
    { at: 0, seconds: 0.24, source: 'breath', level: 0.25, attack: 0.2 },
    { at: 0.3, seconds: 0.34, source: 'voice', level: 0.6, attack: 0.2, pitch: [0.85, 0.65], roughness: 0.15 },
    { at: 0.3, seconds: 0.36, source: 'breath', level: 0.25, attack: 0.2 },
  ],
  sniff: [
    { at: 0, seconds: 0.16, source: 'hiss', level: 0.3, attack: 0.6 },
    { at: 0.24, seconds: 0.2, source: 'hiss', level: 0.35, attack: 0.7 },
  ],
  groan: [
    { at: 0, seconds: 0.95, source: 'voice', level: 0.5, attack: 0.2, pitch: [0.9, 0.65], roughness: 0.05 },
    { at: 0, seconds: 0.95, source: 'breath', level: 0.08, attack: 0.2 },
  ],
  shush: [{ at: 0, seconds: 0.75, source: 'hiss', level: 0.6, attack: 0.12 }],
}

/** Order 18: two poles per kHz of bandwidth and two for the slope. */
const TRACT_POLES = 18
const HEALTHY_ROUGHNESS = 0.02

/** What a sound is made of: the base voice's tract and level, the pitch asked of it. */
export interface SoundVoice {
  /** Coefficients of the prediction-error filter of its "ah", from `measureTract`. */
  readonly tract: Float64Array
  readonly pitchHz: number
  readonly speechLevel: number
}

/** A sound at FLITE_SAMPLE_RATE in the base voice; the same for the same seed, piece and place. */
export function makeSound(tag: SoundTag, voice: SoundVoice, numbers: RandomNumbers): Float32Array {
  const gestures = SOUNDS[tag]
  const seconds = Math.max(...gestures.map((gesture) => gesture.at + gesture.seconds))
  const sound = new Float32Array(Math.ceil(seconds * FLITE_SAMPLE_RATE))
  let position = 0
  for (const gesture of gestures) {
    const samples = makeGesture(gesture, voice, numbers, position)
    const start = Math.round(gesture.at * FLITE_SAMPLE_RATE)
    for (let i = 0; i < samples.length && start + i < sound.length; i++) {
      sound[start + i] = (sound[start + i] ?? 0) + (samples[i] ?? 0)
    }
    position += 2 * samples.length
  }
  return sound
}

/** Resonances of a base voice's "ah". */
export function measureTract(flite: Flite, voice: FliteVoice): Float64Array {
  const speech = flite(['Ah.'], { voice, durationStretch: 1.5 })
  const frame = Math.round(0.06 * FLITE_SAMPLE_RATE)
  let [loudest, energy] = [1, -1]
  for (let start = 1; start + frame < speech.length; start += frame / 4) {
    const here = speech.subarray(start, start + frame).reduce((sum, sample) => sum + sample * sample, 0)
    if (here > energy) [loudest, energy] = [start, here]
  }
  const windowed = Float64Array.from({ length: frame }, (_, i) => {
    const sample = (speech[loudest + i] ?? 0) - 0.97 * (speech[loudest + i - 1] ?? 0)
    return sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frame))
  })
  return linearPrediction(windowed, TRACT_POLES)
}

/** Numbers for the sound at one place of one piece. */
export function soundNumbers(seed: number, pieceIndex: number, place: number): RandomNumbers {
  return randomNumbers(seed, pieceIndex, 0x100 + place)
}

function laughter(bursts: number, every: number, firstPitch: number, level: number): Gesture[] {
  return Array.from({ length: bursts }, (_, i): Gesture[] => {
    const fading = level * (1 - 0.12 * i)
    const pitch = firstPitch * 0.94 ** i
    return [
      { at: i * every, seconds: 0.09, source: 'breath', level: 0.3 * fading, attack: 0.5 },
      {
        at: i * every + 0.05,
        seconds: 0.12,
        source: 'voice',
        level: fading,
        attack: 0.25,
        pitch: [pitch, pitch * 0.88],
      },
    ]
  }).flat()
}

function coughing(at: number, level: number): Gesture[] {
  return [
    { at, seconds: 0.05, source: 'hiss', level: 0.6 * level, attack: 0.1 },
    { at: at + 0.01, seconds: 0.2, source: 'breath', level, attack: 0.05 },
    {
      at: at + 0.03,
      seconds: 0.12,
      source: 'voice',
      level: 0.4 * level,
      attack: 0.2,
      pitch: [1, 0.7],
      roughness: 0.15,
    },
  ]
}

function makeGesture(gesture: Gesture, voice: SoundVoice, numbers: RandomNumbers, position: number): Float32Array {
  const length = Math.round(gesture.seconds * FLITE_SAMPLE_RATE)
  const raw =
    gesture.source === 'voice'
      ? resonate(pulses(gesture, length, voice.pitchHz, numbers, position), voice.tract)
      : gesture.source === 'breath'
        ? resonate(noise(length, numbers, position), voice.tract)
        : hiss(noise(length, numbers, position))
  const power = raw.reduce((sum, sample) => sum + sample * sample, 0) / length
  const scale = (gesture.level * voice.speechLevel) / Math.sqrt(power + 1e-20)
  return raw.map((sample, i) => sample * scale * swell(i / length, gesture.attack))
}

/** Rises over the attack and falls after it, both as a quarter of a sine. */
function swell(share: number, attack: number): number {
  return Math.sin((Math.PI / 2) * (share < attack ? share / attack : (1 - share) / (1 - attack)))
}

function noise(length: number, numbers: RandomNumbers, position: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => numbers.normal(position + i))
}

/** A pulse a period, falling 12 dB an octave as the glottis does, with a little noise in it. */
function pulses(
  gesture: Gesture,
  length: number,
  medianHz: number,
  numbers: RandomNumbers,
  position: number,
): Float32Array {
  const [from, to] = gesture.pitch ?? [1, 1]
  const roughness = gesture.roughness ?? HEALTHY_ROUGHNESS
  const samples = new Float32Array(length)
  let next = 0
  let pulse = 0
  let [first, second] = [0, 0]
  for (let i = 0; i < length; i++) {
    let input = 0.004 * numbers.normal(position + length + i)
    if (i >= next) {
      input += 1
      const hz = medianHz * (from + ((to - from) * i) / length)
      const uneven = 1 + roughness * clampNormal(numbers.normal(position + pulse++))
      next += (FLITE_SAMPLE_RATE / hz) * uneven
    }
    first = input + 0.9 * first
    second = first + 0.6 * second
    samples[i] = second
  }
  return samples
}

function clampNormal(value: number): number {
  return Math.max(-2.5, Math.min(2.5, value))
}

/** The all-pole filter 1 / A(z). */
function resonate(input: Float32Array, tract: Float64Array): Float32Array {
  const output = new Float32Array(input.length)
  for (let i = 0; i < output.length; i++) {
    let value = input[i] ?? 0
    for (let k = 1; k < tract.length && k <= i; k++) value -= (tract[k] ?? 0) * (output[i - k] ?? 0)
    output[i] = value
  }
  return output
}

/** High-passed twice: the spectrum of "s" and "sh", rising to the top. */
function hiss(input: Float32Array): Float32Array {
  let [previous, before] = [0, 0]
  return input.map((sample) => {
    const output = sample - 1.4 * previous + 0.5 * before
    before = previous
    previous = sample
    return output
  })
}
