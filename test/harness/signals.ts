// Test signals made by rule: tones, noises, and a speech-like voice. Everything is a pure function of its arguments.

export type Signal = Float32Array<ArrayBuffer>

/** Uniform random numbers in [0, 1) from a 32 bit seed (mulberry32), so that a failing case can be run again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function silence(seconds: number, sampleRate: number): Signal {
  return new Float32Array(Math.round(seconds * sampleRate))
}

/** `amplitude` is the peak. */
export function sine(hertz: number, seconds: number, sampleRate: number, amplitude = 0.5): Signal {
  return silence(seconds, sampleRate).map((_, i) => amplitude * Math.sin((2 * Math.PI * hertz * i) / sampleRate))
}

/** A steady tone of `partials` harmonics of equal strength, kept below Nyquist; `amplitude` is about the peak. */
export function harmonicTone(
  hertz: number,
  seconds: number,
  sampleRate: number,
  { partials = 10, amplitude = 0.5 } = {},
): Signal {
  const count = Math.max(1, Math.min(partials, Math.floor((0.45 * sampleRate) / hertz)))
  const tone = silence(seconds, sampleRate)
  for (let k = 1; k <= count; k++) {
    for (let i = 0; i < tone.length; i++) {
      tone[i] = (tone[i] ?? 0) + (amplitude / count) * Math.sin((2 * Math.PI * hertz * k * i) / sampleRate + k * k)
    }
  }
  return tone
}

/** `rms` is the standard deviation of each sample. */
export function whiteNoise(seconds: number, sampleRate: number, { rms = 0.1, seed = 1 } = {}): Signal {
  const random = seededRandom(seed)
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return silence(seconds, sampleRate).map(() => rms * gaussian())
}

/** Noise that falls by 3 dB an octave (Paul Kellet's filter of white noise). */
export function pinkNoise(seconds: number, sampleRate: number, { rms = 0.1, seed = 1 } = {}): Signal {
  const white = whiteNoise(seconds, sampleRate, { rms: 1, seed })
  let slow = 0
  let middle = 0
  let fast = 0
  const pink = white.map((value) => {
    slow = 0.99765 * slow + value * 0.099046
    middle = 0.963 * middle + value * 0.2965164
    fast = 0.57 * fast + value * 1.0526913
    return slow + middle + fast + value * 0.1848
  })
  return scaledToRms(pink, rms)
}

/** A frequency that rises linearly from `fromHz` to `toHz`. */
export function chirp(fromHz: number, toHz: number, seconds: number, sampleRate: number, amplitude = 0.5): Signal {
  return silence(seconds, sampleRate).map((_, i) => {
    const time = i / sampleRate
    return amplitude * Math.sin(2 * Math.PI * (fromHz * time + ((toHz - fromHz) * time * time) / (2 * seconds)))
  })
}

export function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)
}

export function scaledToRms(samples: Float32Array, target: number): Signal {
  const gain = target / rms(samples)
  return Float32Array.from(samples, (value) => value * gain)
}

/** Sums signals; the result is as long as the longest. */
export function mix(...signals: readonly Float32Array[]): Signal {
  const sum = new Float32Array(Math.max(...signals.map((signal) => signal.length)))
  for (const signal of signals) for (let i = 0; i < signal.length; i++) sum[i] = (sum[i] ?? 0) + (signal[i] ?? 0)
  return sum
}

/** 10·log10 of the energy of `expected` over that of the difference; +∞ when equal. Lengths must agree. */
export function signalToNoiseDb(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length) throw new Error(`lengths differ: ${expected.length} and ${actual.length}`)
  let signal = 0
  let noise = 0
  for (let i = 0; i < expected.length; i++) {
    signal += (expected[i] ?? 0) ** 2
    noise += ((expected[i] ?? 0) - (actual[i] ?? 0)) ** 2
  }
  return 10 * Math.log10(signal / noise)
}
