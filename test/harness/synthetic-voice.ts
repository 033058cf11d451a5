// Voices and noises made by formula, for tests of what listens to recordings: every property is known because it was put in.

export interface SyntheticVoice {
  readonly seconds: number
  readonly sampleRate: number
  readonly pitchHz: number | ((seconds: number) => number)
  /** Resonances of the vocal tract; without them a plain pulse train. */
  readonly formantsHz?: readonly number[]
}

/** Pulses of the wanted pitch through a cascade of resonators 80 Hz wide, peak at 0.5. */
export function makeVoice({ seconds, sampleRate, pitchHz, formantsHz = [] }: SyntheticVoice): Float32Array {
  const pitchAt = typeof pitchHz === 'number' ? () => pitchHz : pitchHz
  let samples = new Float32Array(Math.round(seconds * sampleRate))
  let phase = 0
  for (let i = 0; i < samples.length; i++) {
    phase += pitchAt(i / sampleRate) / sampleRate
    if (phase >= 1) {
      phase -= 1
      samples[i] = 1
    }
  }
  for (const hz of formantsHz) samples = resonate(samples, hz, sampleRate)
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
  return samples.map((sample) => (0.5 * sample) / peak)
}

/** Uniform noise between ±level, the same every time. */
export function makeNoise(length: number, level: number): Float32Array {
  let state = 1
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return level * (state / 2 ** 31 - 1)
  })
}

export function makeSine(seconds: number, sampleRate: number, hz: number, level = 0.5): Float32Array {
  const length = Math.round(seconds * sampleRate)
  return Float32Array.from({ length }, (_, i) => level * Math.sin((2 * Math.PI * hz * i) / sampleRate))
}

export function rootMeanSquare(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
}

function resonate(input: Float32Array, hz: number, sampleRate: number): Float32Array<ArrayBuffer> {
  const radius = Math.exp((-Math.PI * 80) / sampleRate)
  const b = 2 * radius * Math.cos((2 * Math.PI * hz) / sampleRate)
  let [y1, y2] = [0, 0]
  return Float32Array.from(input, (sample) => {
    const y = sample + b * y1 - radius * radius * y2
    y2 = y1
    y1 = y
    return y
  })
}
