// Log-mel spectrum for the speech tokenizer: 16 kHz, 10 ms frames, 128 channels, as Whisper's.
import { type MelFilterOptions, melFilters } from './mel-filters.ts'
import { applyFilters, powerSpectrogram } from './spectrogram.ts'
import { hannWindow } from './windows.ts'

const FFT_SIZE = 400
const HOP_LENGTH = 160
export const SPEECH_MEL_CHANNELS = 128
export const SPEECH_MEL_FILTERS: MelFilterOptions = {
  sampleRate: 16000,
  fftSize: FFT_SIZE,
  channels: SPEECH_MEL_CHANNELS,
  highestHz: 8000,
}

export interface Mel {
  readonly frames: number
  readonly values: Float32Array<ArrayBuffer>
}

/**
 * Samples at 16 kHz → [128, frames], one frame per 10 ms; the last frame of the transform is dropped, as in the original.
 * Everything more than 80 dB under the loudest band of the whole recording is raised to that floor: cut to a maximal
 * length only afterwards.
 */
export function speechMel(samples: Float32Array): Mel {
  const window = hannWindow(FFT_SIZE)
  const spectrogram = powerSpectrogram(samples, {
    fftSize: FFT_SIZE,
    hopLength: HOP_LENGTH,
    window,
    reflect: FFT_SIZE / 2,
  })
  const frames = spectrogram.frames - 1
  const { bins } = spectrogram
  const filters = melFilters(SPEECH_MEL_FILTERS)
  const energies = applyFilters(spectrogram.power.subarray(0, frames * bins), filters, bins)
  const logs = energies.map((energy) => Math.log10(Math.max(energy, 1e-10)))
  const floor = logs.reduce((a, b) => Math.max(a, b), -Infinity) - 8
  const values = new Float32Array(frames * SPEECH_MEL_CHANNELS)
  for (let frame = 0; frame < frames; frame++) {
    for (let channel = 0; channel < SPEECH_MEL_CHANNELS; channel++) {
      const value = logs[frame * SPEECH_MEL_CHANNELS + channel] ?? 0
      values[channel * frames + frame] = (Math.max(value, floor) + 4) / 4
    }
  }
  return { frames, values }
}

/** The first frames of a mel [channels, frames]. */
export function cutFrames(mel: Mel, maxFrames: number): Mel {
  if (mel.frames <= maxFrames) return mel
  const channels = mel.values.length / mel.frames
  const values = new Float32Array(channels * maxFrames)
  for (let channel = 0; channel < channels; channel++) {
    const row = channel * mel.frames
    values.set(mel.values.subarray(row, row + maxFrames), channel * maxFrames)
  }
  return { frames: maxFrames, values }
}
