// Short-time power spectra of a signal, and their sums under triangular filters: what all of the model's front ends begin with.
import { invariant } from '../../../errors.ts'
import { type Complex, FourierTransform } from './fourier.ts'

export interface SpectrogramOptions {
  readonly fftSize: number
  readonly hopLength: number
  /** As long as the transform. */
  readonly window: Float32Array
  /** Samples mirrored at both ends before the frames are cut; the edge sample itself is not repeated. */
  readonly reflect: number
}

/** |X|² of every whole frame: float64 [frames, fftSize / 2 + 1]. */
export interface Spectrogram {
  readonly frames: number
  readonly bins: number
  readonly power: Float64Array
}

export function powerSpectrogram(samples: Float32Array, options: SpectrogramOptions): Spectrogram {
  const { fftSize, hopLength, window, reflect } = options
  invariant(samples.length > reflect, `${samples.length} samples are too few to mirror ${reflect}`)
  const padded = reflectPad(samples, reflect)
  const frames = Math.floor((padded.length - fftSize) / hopLength) + 1
  const bins = fftSize / 2 + 1
  const power = new Float64Array(frames * bins)
  const fourier = new FourierTransform(fftSize)
  let signal: Complex = { real: new Float64Array(fftSize), imaginary: new Float64Array(fftSize) }
  // Two real frames share one complex transform; their spectra come apart by symmetry.
  for (let frame = 0; frame < frames; frame += 2) {
    const begin = frame * hopLength
    for (let i = 0; i < fftSize; i++) {
      const weight = window[i] ?? 0
      signal.real[i] = weight * (padded[begin + i] ?? 0)
      signal.imaginary[i] = weight * (padded[begin + hopLength + i] ?? 0)
    }
    signal = fourier.transform(signal)
    separatePowers(signal, power.subarray(frame * bins, (frame + 2) * bins), bins)
  }
  return { frames, bins, power }
}

function separatePowers({ real, imaginary }: Complex, into: Float64Array, bins: number): void {
  const size = real.length
  const hasSecond = into.length > bins
  for (let k = 0; k < bins; k++) {
    const mirrored = (size - k) % size
    const sumReal = (real[k] ?? 0) + (real[mirrored] ?? 0)
    const sumImaginary = (imaginary[k] ?? 0) + (imaginary[mirrored] ?? 0)
    const differenceReal = (real[k] ?? 0) - (real[mirrored] ?? 0)
    const differenceImaginary = (imaginary[k] ?? 0) - (imaginary[mirrored] ?? 0)
    into[k] = (sumReal ** 2 + differenceImaginary ** 2) / 4
    if (hasSecond) into[bins + k] = (sumImaginary ** 2 + differenceReal ** 2) / 4
  }
}

export function reflectPad(samples: Float32Array, count: number): Float32Array {
  const padded = new Float32Array(samples.length + 2 * count)
  padded.set(samples, count)
  for (let i = 1; i <= count; i++) {
    padded[count - i] = samples[i] ?? 0
    padded[count + samples.length - 1 + i] = samples[samples.length - 1 - i] ?? 0
  }
  return padded
}

/**
 * Σ over bins of filter · spectrum for every frame and channel: float64 [frames, channels].
 * `filters` is [channels, bins] and mostly zeros, which are skipped.
 */
export function applyFilters(spectrum: Float64Array, filters: Float32Array, bins: number): Float64Array {
  const channels = filters.length / bins
  const frames = spectrum.length / bins
  const spans = Array.from({ length: channels }, (_, channel) => nonZeroSpan(filters, channel * bins, bins))
  const out = new Float64Array(frames * channels)
  for (let frame = 0; frame < frames; frame++) {
    for (const [channel, [begin, end]] of spans.entries()) {
      let sum = 0
      for (let bin = begin; bin < end; bin++) {
        sum += (filters[channel * bins + bin] ?? 0) * (spectrum[frame * bins + bin] ?? 0)
      }
      out[frame * channels + channel] = sum
    }
  }
  return out
}

function nonZeroSpan(filters: Float32Array, offset: number, bins: number): readonly [number, number] {
  const row = filters.subarray(offset, offset + bins)
  const begin = row.findIndex((value) => value !== 0)
  return begin < 0 ? [0, 0] : [begin, row.findLastIndex((value) => value !== 0) + 1]
}
