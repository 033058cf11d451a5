// Log-mel spectrum that the flow continues from: 24 kHz, 20 ms frames, 80 channels, natural log of magnitudes.

import { melFilters } from './mel-filters.ts'
import { applyFilters, powerSpectrogram } from './spectrogram.ts'
import type { Mel } from './speech-mel.ts'
import { hannWindow } from './windows.ts'

const SAMPLE_RATE = 24000
const FFT_SIZE = 1920
const HOP_LENGTH = 480
const CHANNELS = 80

/** Samples at 24 kHz → [frames, 80], one frame per 480 samples begun (a part of less than a hop at the end may have none). */
export function promptMel(samples: Float32Array): Mel {
  const window = hannWindow(FFT_SIZE)
  const reflect = (FFT_SIZE - HOP_LENGTH) / 2
  const { power, bins, frames } = powerSpectrogram(samples, {
    fftSize: FFT_SIZE,
    hopLength: HOP_LENGTH,
    window,
    reflect,
  })
  const magnitudes = power.map((value) => Math.sqrt(value + 1e-9))
  const filters = melFilters({ sampleRate: SAMPLE_RATE, fftSize: FFT_SIZE, channels: CHANNELS, highestHz: 8000 })
  const mel = applyFilters(magnitudes, filters, bins)
  return { frames, values: Float32Array.from(mel, (value) => Math.log(Math.max(value, 1e-5))) }
}
