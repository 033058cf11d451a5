// All randomness of the decoder, as a function of the seed, the piece and an absolute position: a window of a piece draws what the whole
// piece would have drawn there.
import { randomNumbers } from '../../random.ts'
import { FRAMES_PER_TOKEN, MEL_BANDS, SAMPLES_PER_FRAME } from './frame-rates.ts'
import { HARMONICS } from './harmonic-source.ts'

/** Purposes of random numbers; others begin with other hundreds. */
const PROMPT_NOISE = 0x200
const SPEECH_NOISE = 0x201
const HARMONIC_PHASES = 0x202
const SOURCE_NOISE = 0x203

export interface DecoderNoise {
  /**
   * Where the flow starts, [2 · (promptTokens + speechTokens), MEL_BANDS]. A speech frame's noise does not depend on the length of the
   * prompt, and its position is counted from the first speech token of the piece, of which `speechTokens` are those from `firstToken` on.
   */
  flow(promptTokens: number, speechTokens: number, firstToken?: number): Float32Array
  /** Phases of the harmonics, uniform in ±π, the fundamental's 0. */
  phases(): Float32Array
  /** Normal noise for the source's samples of `frames` mel frames from `firstFrame` of the piece on, times `gain`. */
  source(frames: number, gain: number, firstFrame?: number): Float32Array
}

export function decoderNoise(seed: number, pieceIndex: number): DecoderNoise {
  const numbers = (purpose: number) => randomNumbers(seed, pieceIndex, purpose)
  const normals = (purpose: number, first: number, count: number, gain = 1) => {
    const { normal } = numbers(purpose)
    return Float32Array.from({ length: count }, (_, i) => gain * normal(first + i))
  }
  const valuesPerToken = FRAMES_PER_TOKEN * MEL_BANDS
  return {
    flow: (promptTokens, speechTokens, firstToken = 0) => {
      const noise = new Float32Array((promptTokens + speechTokens) * valuesPerToken)
      noise.set(normals(PROMPT_NOISE, 0, promptTokens * valuesPerToken))
      noise.set(
        normals(SPEECH_NOISE, firstToken * valuesPerToken, speechTokens * valuesPerToken),
        promptTokens * valuesPerToken,
      )
      return noise
    },
    phases: () => {
      const { uniform } = numbers(HARMONIC_PHASES)
      return Float32Array.from({ length: HARMONICS }, (_, i) => (i === 0 ? 0 : Math.PI * (2 * uniform(i) - 1)))
    },
    source: (frames, gain, firstFrame = 0) =>
      normals(SOURCE_NOISE, firstFrame * SAMPLES_PER_FRAME, frames * SAMPLES_PER_FRAME, gain),
  }
}
