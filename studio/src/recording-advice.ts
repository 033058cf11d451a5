// What can be said of a recording at once, in the browser; the server checks again and decides.

export interface Advice {
  readonly kind: 'good' | 'warning' | 'error'
  readonly text: string
}

const LEAST_SECONDS = 5
const ADVISED_SECONDS = 10

/** Advice in words about mono samples, full scale ±1. */
export function adviseOn(samples: Float32Array, seconds: number): readonly Advice[] {
  const advice: Advice[] = []
  let peak = 0
  let clipped = 0
  let energy = 0
  for (const sample of samples) {
    const size = Math.abs(sample)
    peak = Math.max(peak, size)
    energy += sample * sample
    if (size > 0.999) clipped++
  }
  const loudnessDb = 10 * Math.log10(energy / samples.length + 1e-12)
  if (seconds <= LEAST_SECONDS) {
    advice.push({
      kind: 'error',
      text: `${seconds.toFixed(1)} s is too short: more than ${LEAST_SECONDS} s of speech are needed.`,
    })
  } else if (seconds < ADVISED_SECONDS) {
    advice.push({ kind: 'warning', text: `${seconds.toFixed(1)} s will do; 10 to 20 s of speech copy a voice better.` })
  }
  if (peak < 0.01) advice.push({ kind: 'error', text: 'There is hardly a sound in it.' })
  else if (loudnessDb < -40) advice.push({ kind: 'warning', text: 'It is very quiet. Move closer to the microphone.' })
  if (clipped > samples.length / 2000)
    advice.push({ kind: 'warning', text: 'It is overdriven. Record at a lower level.' })
  return advice.length > 0 ? advice : [{ kind: 'good', text: `${seconds.toFixed(1)} s, a good level.` }]
}
