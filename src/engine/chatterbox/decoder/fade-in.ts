// The first 40 ms of a piece: silence, then a rise along half a cosine. The flow lets the end of the prompt spill over into them.

const SILENT_SAMPLES = 480
const RISING_SAMPLES = 480
export const FADE_IN_SAMPLES = SILENT_SAMPLES + RISING_SAMPLES

/** Gain of each of the first FADE_IN_SAMPLES samples: 0 for 20 ms, then (1 + cos(π → 0)) / 2, ending at exactly 1. */
export const fadeInGains: Float32Array = Float32Array.from({ length: FADE_IN_SAMPLES }, (_, sample) => {
  const risen = (sample - SILENT_SAMPLES) / (RISING_SAMPLES - 1)
  return risen < 0 ? 0 : (1 + Math.cos(Math.PI * (1 - risen))) / 2
})

/** Fades the start of a piece in, in place. `samples` is the whole piece or its first window. */
export function fadeIn(samples: Float32Array): void {
  const length = Math.min(samples.length, FADE_IN_SAMPLES)
  for (let sample = 0; sample < length; sample++) samples[sample] = (samples[sample] ?? 0) * (fadeInGains[sample] ?? 1)
}
