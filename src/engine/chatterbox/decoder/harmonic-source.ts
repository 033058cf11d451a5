// f0 per mel frame → the vocoder's excitation: nine harmonics of a sine plus noise, mixed to one signal (neural source filter).
// The float32 roundings of the official code are part of the result: phase kept in float64 differs by 2.5e-4 after 2.4 s and grows.
import { invariant } from '../../../errors.ts'
import { SAMPLE_RATE, SAMPLES_PER_FRAME } from './frame-rates.ts'

export const HARMONICS = 9
/** Frames at or below this f0 are unvoiced: no sine, louder noise. */
const VOICED_THRESHOLD_HZ = 10
const SINE_AMPLITUDE = Math.fround(0.1)
const VOICED_NOISE = Math.fround(0.003)
const UNVOICED_NOISE = Math.fround(0.1 / 3)
const TWO_PI = Math.fround(2 * Math.PI)

/** How the harmonics are mixed: the learned linear layer before the tanh. */
export interface HarmonicMix {
  /** [HARMONICS] */
  readonly weights: Float32Array
  readonly bias: number
}

export interface SourceRandomness {
  /** Phase each harmonic starts at, in radians, [HARMONICS]; the fundamental's is 0. */
  readonly phases: Float32Array
  /** The mix of the harmonics' unit noises, [frames × SAMPLES_PER_FRAME]: see `mixedNoise` and `noiseGain`. */
  readonly noise: Float32Array
}

/** Where every harmonic is after the frames so far, in cycles; feeding it back continues the sound without a jump. */
export type HarmonicCycles = Float64Array

export const startOfHarmonics = (): HarmonicCycles => new Float64Array(HARMONICS)

/**
 * f0 [frames] in Hz → source [frames × SAMPLES_PER_FRAME], within ±1. `cycles` is where the harmonics are before the first frame and is
 * advanced to where they are after the last.
 */
export function harmonicSource(
  f0: Float32Array,
  mix: HarmonicMix,
  { phases, noise }: SourceRandomness,
  cycles: HarmonicCycles,
): Float32Array {
  const sampleCount = f0.length * SAMPLES_PER_FRAME
  invariant(noise.length === sampleCount, `${f0.length} frames need ${sampleCount} noise values, not ${noise.length}`)
  const mixed = new Float64Array(sampleCount)
  for (let harmonic = 0; harmonic < HARMONICS; harmonic++) {
    const weight = mix.weights[harmonic] ?? 0
    const phase = phases[harmonic] ?? 0
    // The official cumulative sum runs in float64 and is stored as float32 before its fraction is taken.
    let sum = cycles[harmonic] ?? 0
    for (let frame = 0; frame < f0.length; frame++) {
      const hertz = f0[frame] ?? 0
      const cyclesPerSample = Math.fround(Math.fround(hertz * (harmonic + 1)) / SAMPLE_RATE)
      if (hertz <= VOICED_THRESHOLD_HZ) {
        for (let sample = 0; sample < SAMPLES_PER_FRAME; sample++) sum += cyclesPerSample
        continue
      }
      const start = frame * SAMPLES_PER_FRAME
      for (let sample = start; sample < start + SAMPLES_PER_FRAME; sample++) {
        sum += cyclesPerSample
        const angle = Math.fround(Math.fround(Math.fround(sum) % 1) * TWO_PI)
        mixed[sample] =
          (mixed[sample] ?? 0) + weight * Math.fround(SINE_AMPLITUDE * Math.sin(Math.fround(angle + phase)))
      }
    }
    cycles[harmonic] = sum
  }
  return addNoise(f0, mixed, noise, mix.bias)
}

function addNoise(f0: Float32Array, mixed: Float64Array, noise: Float32Array, bias: number): Float32Array {
  const source = new Float32Array(mixed.length)
  for (let sample = 0; sample < source.length; sample++) {
    const voiced = (f0[Math.floor(sample / SAMPLES_PER_FRAME)] ?? 0) > VOICED_THRESHOLD_HZ
    const amplitude = voiced ? VOICED_NOISE : UNVOICED_NOISE
    source[sample] = Math.tanh((mixed[sample] ?? 0) + amplitude * (noise[sample] ?? 0) + bias)
  }
  return source
}

/**
 * Nine independent unit noises mixed by the weights are one Gaussian noise of this standard deviation, because every harmonic's noise
 * has the same amplitude: one draw a sample instead of nine, the same distribution.
 */
export const noiseGain = ({ weights }: HarmonicMix): number => Math.hypot(...weights)

/** The mix of given noises, [HARMONICS, samples] → [samples]: what the official code computes, for comparing with it. */
export function mixedNoise(noises: Float32Array, { weights }: HarmonicMix): Float32Array {
  const sampleCount = noises.length / HARMONICS
  return Float32Array.from({ length: sampleCount }, (_, sample) =>
    weights.reduce((sum, weight, harmonic) => sum + weight * (noises[harmonic * sampleCount + sample] ?? 0), 0),
  )
}
