// The last 5 ms of a piece: a fall along half a cosine. Speech that ends in its pause does not change; speech that was cut off while it was
// loud would click where the next piece begins.
import { SAMPLE_RATE } from './frame-rates.ts'

const FALLING_SAMPLES = 0.005 * SAMPLE_RATE

/** Fades the end of a piece out, in place. `samples` is the whole piece or its last window. */
export function fadeOut(samples: Float32Array): void {
  const length = Math.min(samples.length, FALLING_SAMPLES)
  for (let i = 0; i < length; i++) {
    const at = samples.length - 1 - i
    samples[at] = (samples[at] ?? 0) * (0.5 - 0.5 * Math.cos((Math.PI * i) / FALLING_SAMPLES))
  }
}
