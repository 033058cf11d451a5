// Long-term average spectrum of speech and its levels in third-octave bands: the colour of a voice and of its microphone.
import { createRealFft } from './fft.ts'
import { quantile } from './pitch.ts'

export interface PowerSpectrum {
  /** Mean power of every bin, 0 Hz to the Nyquist frequency. */
  readonly power: Float64Array
  readonly sampleRate: number
}

/** Centres of the third-octave bands in Hz that speech fills (ISO 266). */
export const THIRD_OCTAVES_HZ: readonly number[] = [
  125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10000,
]

/** At 24 kHz 43 ms and 23 Hz a bin: finer than the narrowest band, coarser than pitch. */
const FRAME_SAMPLES = 1024
const HOP_SAMPLES = FRAME_SAMPLES / 2
/** Frames 30 dB below the loud ones are pauses and do not count. */
const PAUSE_RATIO = 1e-3

/** Mean power spectrum of the frames in which somebody speaks; all zero for a recording shorter than a frame. */
export function averageSpectrum(samples: Float32Array, sampleRate: number): PowerSpectrum {
  const fft = createRealFft(FRAME_SAMPLES)
  const window = Float64Array.from({ length: FRAME_SAMPLES }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 1024))
  const starts = Array.from(
    { length: Math.max(0, Math.floor((samples.length - FRAME_SAMPLES) / HOP_SAMPLES) + 1) },
    (_, frame) => frame * HOP_SAMPLES,
  )
  const energies = starts.map((start) => energy(samples.subarray(start, start + FRAME_SAMPLES)))
  const threshold = quantile(Float64Array.from(energies).sort(), 0.95) * PAUSE_RATIO

  const frame = new Float64Array(FRAME_SAMPLES)
  const spectrum = fft.createSpectrum()
  const power = new Float64Array(FRAME_SAMPLES / 2 + 1)
  let active = 0
  for (const [i, start] of starts.entries()) {
    if ((energies[i] ?? 0) < threshold) continue
    for (let k = 0; k < FRAME_SAMPLES; k++) frame[k] = (samples[start + k] ?? 0) * (window[k] ?? 0)
    fft.forward(frame, spectrum)
    for (let bin = 0; bin < power.length; bin++) {
      power[bin] = (power[bin] ?? 0) + (spectrum[2 * bin] ?? 0) ** 2 + (spectrum[2 * bin + 1] ?? 0) ** 2
    }
    active++
  }
  return { power: power.map((sum) => sum / (Math.max(1, active) * FRAME_SAMPLES)), sampleRate }
}

/** Levels in dB of the third-octave bands around `centresHz`; undefined for a band that the sample rate cannot hold. */
export function bandLevels(spectrum: PowerSpectrum, centresHz: readonly number[]): (number | undefined)[] {
  const binsPerHz = FRAME_SAMPLES / spectrum.sampleRate
  return centresHz.map((centre) => {
    if (centre * 2 ** (1 / 6) > spectrum.sampleRate / 2) return undefined
    const from = Math.max(1, Math.floor(centre * 2 ** (-1 / 6) * binsPerHz))
    const to = Math.min(spectrum.power.length - 1, Math.ceil(centre * 2 ** (1 / 6) * binsPerHz))
    let sum = 0
    for (let bin = from; bin <= to; bin++) sum += spectrum.power[bin] ?? 0
    return 10 * Math.log10(sum / (to - from + 1) + 1e-20)
  })
}

/** Root-mean-square difference in dB of the bands from 200 Hz to 6.3 kHz, a difference in overall level left out. */
export function spectralDistance(a: PowerSpectrum, b: PowerSpectrum): number {
  const centres = THIRD_OCTAVES_HZ.filter((hz) => hz >= 200 && hz <= 6300)
  const levelsOfB = bandLevels(b, centres)
  const differences = bandLevels(a, centres).flatMap((level, i) => {
    const other = levelsOfB[i]
    return level === undefined || other === undefined ? [] : [level - other]
  })
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length
  return Math.sqrt(differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / differences.length)
}

function energy(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return sum
}
