// Fourier transforms of real signals of one fixed power-of-two length; the only door to fft.js.
// fft.js takes 12 µs for 1,024 real points; a SIMD WebAssembly build took 10 µs (docs/lab-notes.md), so no WebAssembly here.
import FFT from 'fft.js'

export interface RealFft {
  readonly size: number
  /**
   * Writes the spectrum of `signal` (`size` reals) into `spectrum`: `size / 2 + 1` bins from 0 Hz to the Nyquist frequency,
   * interleaved real and imaginary parts, so `size + 2` numbers (see `createSpectrum`).
   */
  forward(signal: Float64Array, spectrum: Float64Array): void
  /** The signal (`size` reals) of a spectrum as `forward` writes it, scaled so that it undoes `forward`. */
  inverse(spectrum: Float64Array, signal: Float64Array): void
  createSpectrum(): Float64Array
}

/** Plans transforms of `size` points; `size` must be a power of two and at least 4. */
export function createRealFft(size: number): RealFft {
  const fft = new FFT(size)
  const full = new Float64Array(2 * size)
  const complexSignal = new Float64Array(2 * size)
  return {
    size,
    forward(signal, spectrum) {
      fft.realTransform(full, signal)
      spectrum.set(full.subarray(0, size + 2))
    },
    inverse(spectrum, signal) {
      full.set(spectrum.subarray(0, size + 2))
      fft.completeSpectrum(full)
      fft.inverseTransform(complexSignal, full)
      for (let i = 0; i < size; i++) signal[i] = complexSignal[2 * i] ?? 0
    },
    createSpectrum: () => new Float64Array(size + 2),
  }
}
