// Linear-phase FIR filters: designed from a wanted gain over frequency, applied by fast convolution without delay.
import { createRealFft } from './fft.ts'

const DESIGN_POINTS = 2048
const BLOCK_POINTS = 4096

/**
 * A symmetric filter of an odd number of `taps` whose gain follows `gainAt` (linear, of a frequency in Hz), by frequency
 * sampling and a Hann window: details narrower than about 2 · sampleRate / taps are smoothed.
 */
export function designFilter(taps: number, sampleRate: number, gainAt: (hz: number) => number): Float32Array {
  const fft = createRealFft(DESIGN_POINTS)
  const spectrum = fft.createSpectrum()
  for (let bin = 0; bin <= DESIGN_POINTS / 2; bin++) spectrum[2 * bin] = gainAt((bin * sampleRate) / DESIGN_POINTS)
  const impulse = new Float64Array(DESIGN_POINTS)
  fft.inverse(spectrum, impulse)
  const centre = (taps - 1) / 2
  return Float32Array.from({ length: taps }, (_, i) => {
    const offset = i - centre
    const window = 0.5 + 0.5 * Math.cos((Math.PI * offset) / (centre + 1))
    return (impulse[(offset + DESIGN_POINTS) % DESIGN_POINTS] ?? 0) * window
  })
}

/** Filters with a symmetric filter of an odd number of taps; the result is as long as the input and in time with it. */
export function applyFilter(samples: Float32Array, filter: Float32Array): Float32Array<ArrayBuffer> {
  const fft = createRealFft(BLOCK_POINTS)
  const block = new Float64Array(BLOCK_POINTS)
  block.set(filter)
  const response = fft.createSpectrum()
  fft.forward(block, response)

  const delay = (filter.length - 1) / 2
  const step = BLOCK_POINTS - filter.length + 1
  const spectrum = fft.createSpectrum()
  const output = new Float32Array(samples.length)
  for (let start = 0; start < samples.length; start += step) {
    const input = samples.subarray(start, start + step)
    block.fill(0)
    block.set(input)
    fft.forward(block, spectrum)
    multiply(spectrum, response)
    fft.inverse(spectrum, block)
    const from = Math.max(0, delay - start)
    const to = Math.min(BLOCK_POINTS, output.length + delay - start)
    for (let i = from; i < to; i++) output[start + i - delay] = (output[start + i - delay] ?? 0) + (block[i] ?? 0)
  }
  return output
}

function multiply(spectrum: Float64Array, by: Float64Array): void {
  for (let i = 0; i < spectrum.length; i += 2) {
    const [a, b, c, d] = [spectrum[i] ?? 0, spectrum[i + 1] ?? 0, by[i] ?? 0, by[i + 1] ?? 0]
    spectrum[i] = a * c - b * d
    spectrum[i + 1] = a * d + b * c
  }
}
