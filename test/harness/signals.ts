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

/** Vowels by their three lowest resonances in Hz, for a grown-up's vocal tract (Peterson & Barney 1952, men). */
const VOWELS = [
  [730, 1090, 2440],
  [530, 1840, 2480],
  [270, 2290, 3010],
  [570, 840, 2410],
  [440, 1020, 2240],
  [300, 870, 2240],
] as const
const HIGHER_RESONANCES = [3_500, 4_500] as const
const SYLLABLES_PER_SECOND = 4
const SYLLABLES_PER_PHRASE = 9

/**
 * Something like speech: four syllables a second, each a hiss and then a vowel over a gliding pitch, with a pause after
 * every phrase. No words, but the pitch, loudness and spectrum of a voice. `pitchHz` is about the median, `lively` how
 * far (in semitones) syllables stray from it, `tract` scales the resonances (below 1: a longer, deeper one). The
 * loudest sample is `peak`.
 */
export function speechLike(
  seconds: number,
  sampleRate: number,
  { pitchHz = 120, lively = 2, tract = 1, peak = 0.7, seed = 1 } = {},
): Signal {
  const random = seededRandom(seed)
  const speech = silence(seconds, sampleRate)
  const syllableSamples = Math.round(sampleRate / SYLLABLES_PER_SECOND)
  for (let start = 0; start < speech.length; start += syllableSamples) {
    const place = (start / syllableSamples) % SYLLABLES_PER_PHRASE
    const choice = random()
    const stray = (random() * 2 - 1) * lively
    const strength = 0.5 + 0.5 * random()
    if (place === SYLLABLES_PER_PHRASE - 1) continue
    const semitones = stray + 2 - (4 * place) / SYLLABLES_PER_PHRASE // phrases fall
    const vowel = VOWELS[Math.floor(choice * VOWELS.length)] ?? VOWELS[0]
    const resonances = [...vowel, ...HIGHER_RESONANCES].map((hertz) => hertz * tract)
    const sound = syllable(syllableSamples, sampleRate, {
      pitchHz: pitchHz * 2 ** (semitones / 12),
      resonances,
      random,
    })
    for (let i = 0; i < sound.length && start + i < speech.length; i++) speech[start + i] = strength * (sound[i] ?? 0)
  }
  const loudest = speech.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return speech.map((value) => (value * peak) / loudest)
}

/** 25 % hiss, 65 % vowel, 10 % nothing. */
function syllable(
  length: number,
  sampleRate: number,
  { pitchHz, resonances, random }: { pitchHz: number; resonances: readonly number[]; random: () => number },
): Signal {
  const [hissEnd, vowelEnd] = [Math.round(0.25 * length), Math.round(0.9 * length)]
  const voice = new Float32Array(length)
  let phase = 0
  let flow = 0
  for (let i = hissEnd; i < vowelEnd; i++) {
    const along = (i - hissEnd) / (vowelEnd - hissEnd)
    phase += (pitchHz * (1.03 - 0.06 * along)) / sampleRate
    const pulse = phase >= 1 ? 1 : 0 // once a period
    phase -= Math.floor(phase)
    flow += (pulse - pitchHz / sampleRate - flow) * Math.min(1, (2 * Math.PI * 400) / sampleRate)
    voice[i] = Math.sin(Math.PI * along) * (flow + 0.002 * (random() * 2 - 1))
  }
  const vowel = resonances.reduce((sound, hertz, k) => resonated(sound, hertz, 60 + 40 * k, sampleRate), voice)
  let before = 0
  return vowel.map((value, i) => {
    const white = i < hissEnd ? random() * 2 - 1 : 0
    const hiss = white - before // rises with frequency, as an s does
    before = white
    return value + 0.004 * hiss
  })
}

/** A resonance of two poles with unit gain at 0 Hz; one above the Nyquist frequency changes nothing. */
function resonated(samples: Signal, hertz: number, bandwidthHz: number, sampleRate: number): Signal {
  if (hertz > 0.45 * sampleRate) return samples
  const radius = Math.exp((-Math.PI * bandwidthHz) / sampleRate)
  const a1 = -2 * radius * Math.cos((2 * Math.PI * hertz) / sampleRate)
  const a2 = radius * radius
  let before = 0
  let last = 0
  return samples.map((value) => {
    const next = (1 + a1 + a2) * value - a1 * last - a2 * before
    before = last
    last = next
    return next
  })
}
