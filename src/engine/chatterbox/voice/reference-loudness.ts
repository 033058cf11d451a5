// Brings a reference recording to the loudness the model was trained on.
import { integratedLoudness } from '../../../audio/loudness.ts'

const TARGET_LUFS = -27
/** One gating block of the measurement; shorter recordings stay as they are. */
const MIN_SECONDS = 0.4

/**
 * The recording at −27 LUFS, or as it is where it has no loudness: silence, or shorter than 0.4 s. The gain is rounded to
 * float32 before it is applied, as numpy 1 did when the original was written.
 */
export function normaliseLoudness(samples: Float32Array, sampleRate: number): Float32Array {
  if (samples.length < MIN_SECONDS * sampleRate) return samples
  const gain = 10 ** ((TARGET_LUFS - integratedLoudness(samples, sampleRate, 'pyloudnorm')) / 20)
  if (!Number.isFinite(gain) || gain <= 0) return samples
  const rounded = Math.fround(gain)
  return samples.map((sample) => sample * rounded)
}
