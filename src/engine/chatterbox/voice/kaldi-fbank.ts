// Log filter-bank energies as Kaldi computes them, for the speaker encoder: 16 kHz, 25 ms every 10 ms, 80 channels.
// https://kaldi-asr.org/doc/feat.html, with torchaudio's defaults: no dither, no energy, input at full scale 1.0 (not 32768).
import { createRealFft } from '../../../audio/fft.ts'
import { applyFilters } from './spectrogram.ts'
import type { Mel } from './speech-mel.ts'

const SAMPLE_RATE = 16000
const FRAME_LENGTH = 400
const HOP_LENGTH = 160
const FFT_SIZE = 512
const CHANNELS = 80
const LOWEST_HZ = 20
const PRE_EMPHASIS = 0.97
/** Smallest float32 step at 1: the floor under every band's energy. */
const FLOAT32_EPSILON = 2 ** -23

/** Samples at 16 kHz → [frames, 80]; frames that would run past the end are not made. */
export function kaldiFbank(samples: Float32Array): Mel {
  const frames = Math.max(0, Math.floor((samples.length - FRAME_LENGTH) / HOP_LENGTH) + 1)
  const bins = FFT_SIZE / 2 + 1
  const window = poveyWindow()
  const fft = createRealFft(FFT_SIZE)
  const frame = new Float64Array(FFT_SIZE)
  const spectrum = fft.createSpectrum()
  const power = new Float64Array(frames * bins)
  for (let index = 0; index < frames; index++) {
    conditionFrame(samples, index * HOP_LENGTH, window, frame)
    fft.forward(frame, spectrum)
    for (let bin = 0; bin < bins; bin++) {
      power[index * bins + bin] = (spectrum[2 * bin] ?? 0) ** 2 + (spectrum[2 * bin + 1] ?? 0) ** 2
    }
  }
  const energies = applyFilters(power, kaldiFilters(bins), bins)
  return { frames, values: Float32Array.from(energies, (energy) => Math.log(Math.max(energy, FLOAT32_EPSILON))) }
}

/** Subtracts each channel's mean over time, in place: what the speaker encoder takes. */
export function subtractTimeMean({ frames, values }: Mel): void {
  const channels = values.length / frames
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0
    for (let i = channel; i < values.length; i += channels) sum += values[i] ?? 0
    for (let i = channel; i < values.length; i += channels) values[i] = (values[i] ?? 0) - sum / frames
  }
}

/** Removes the mean, emphasises high frequencies, applies the window; the rest of `into` stays zero. */
function conditionFrame(samples: Float32Array, begin: number, window: Float64Array, into: Float64Array): void {
  let mean = 0
  for (let i = 0; i < FRAME_LENGTH; i++) mean += (samples[begin + i] ?? 0) / FRAME_LENGTH
  let previous = (samples[begin] ?? 0) - mean
  for (let i = 0; i < FRAME_LENGTH; i++) {
    const sample = (samples[begin + i] ?? 0) - mean
    into[i] = (sample - PRE_EMPHASIS * previous) * (window[i] ?? 0)
    previous = sample
  }
}

/** A symmetric Hann window to the power of 0.85. */
const poveyWindow = (): Float64Array =>
  Float64Array.from(
    { length: FRAME_LENGTH },
    (_, i) => (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (FRAME_LENGTH - 1))) ** 0.85,
  )

const melOf = (hz: number): number => 1127 * Math.log(1 + hz / 700)

/** Triangles with equal spacing and unit height on the mel scale: [80, bins], nothing at the Nyquist bin. */
function kaldiFilters(bins: number): Float32Array {
  const lowest = melOf(LOWEST_HZ)
  const step = (melOf(SAMPLE_RATE / 2) - lowest) / (CHANNELS + 1)
  const filters = new Float32Array(CHANNELS * bins)
  for (let channel = 0; channel < CHANNELS; channel++) {
    const left = lowest + channel * step
    for (let bin = 0; bin < bins - 1; bin++) {
      const mel = melOf((bin * SAMPLE_RATE) / FFT_SIZE)
      filters[channel * bins + bin] = Math.max(0, Math.min((mel - left) / step, (left + 2 * step - mel) / step))
    }
  }
  return filters
}
