// Resampling as torchaudio does it by default: a short Hann-windowed sinc. The speech tokenizer's and speaker encoder's input must have
// exactly this filter's roll-off – a better resampler lifts 7–8 kHz by 14 dB and the x-vector's cosine drops to 0.64.

/** Zero crossings of the sinc on each side, and the cut-off over the lower Nyquist frequency. */
const ZERO_CROSSINGS = 6
const ROLL_OFF = 0.99

/** Mono samples from one rate to another; the result has ceil(length · toHz / fromHz) samples. */
export function resampleSincHann(samples: Float32Array, fromHz: number, toHz: number): Float32Array<ArrayBuffer> {
  const divisor = greatestCommonDivisor(fromHz, toHz)
  const from = fromHz / divisor
  const to = toHz / divisor
  const { kernels, width, taps } = designKernels(from, to)
  const out = new Float32Array(Math.ceil((to * samples.length) / from))
  for (let i = 0; i < out.length; i++) {
    const phase = i % to
    const begin = Math.floor(i / to) * from - width
    let sum = 0
    for (let tap = Math.max(0, -begin); tap < taps && begin + tap < samples.length; tap++) {
      sum += (kernels[phase * taps + tap] ?? 0) * (samples[begin + tap] ?? 0)
    }
    out[i] = sum
  }
  return out
}

/** One row of taps per output phase; the kernel reaches `width` samples back from the block of `from` samples it belongs to. */
function designKernels(from: number, to: number): { kernels: Float32Array; width: number; taps: number } {
  const cutoff = Math.min(from, to) * ROLL_OFF
  const width = Math.ceil((ZERO_CROSSINGS * from) / cutoff)
  const taps = 2 * width + from
  const kernels = new Float32Array(to * taps)
  for (let phase = 0; phase < to; phase++) {
    for (let tap = 0; tap < taps; tap++) {
      const time = ((tap - width) / from - phase / to) * cutoff
      const clamped = Math.max(-ZERO_CROSSINGS, Math.min(ZERO_CROSSINGS, time))
      const window = Math.cos((clamped * Math.PI) / ZERO_CROSSINGS / 2) ** 2
      const angle = clamped * Math.PI
      kernels[phase * taps + tap] = (angle === 0 ? 1 : Math.sin(angle) / angle) * window * (cutoff / from)
    }
  }
  return { kernels, width, taps }
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b))
