// What the voice encoder sees: silence trimmed at both ends, mel powers (no logarithm), cut into overlapping partials of 1.6 s.

import { melFilters } from './mel-filters.ts'
import { applyFilters, powerSpectrogram } from './spectrogram.ts'
import type { Mel } from './speech-mel.ts'
import { hannWindow } from './windows.ts'

const SAMPLE_RATE = 16000
const FFT_SIZE = 400
const HOP_LENGTH = 160
export const VOICE_MEL_CHANNELS = 40

/** Frames of one partial, and from one to the next: 1.3 partials a second. */
export const PARTIAL_FRAMES = 160
const PARTIAL_STEP = Math.round(SAMPLE_RATE / 1.3 / HOP_LENGTH)
/** The last partial may be padded with zeros if at least this much of it is there. */
const MIN_COVERAGE = 0.8

/** librosa.effects.trim: frames of 2048 every 512 samples count as silent 20 dB under the loudest. */
const TRIM_FRAME = 2048
const TRIM_HOP = 512
const TRIM_DB = 20

/** Where the speech begins and ends, in samples. A silent recording is kept whole: its loudest frame is the reference. */
export function findSpeech(samples: Float32Array): { readonly begin: number; readonly end: number } {
  const frames = 1 + Math.floor(samples.length / TRIM_HOP)
  const powers = Float64Array.from({ length: frames }, (_, frame) =>
    framePower(samples, frame * TRIM_HOP - TRIM_FRAME / 2),
  )
  const decibels = (power: number) => 10 * Math.log10(Math.max(power, 1e-10))
  const threshold = decibels(powers.reduce((a, b) => Math.max(a, b), 0)) - TRIM_DB
  const isLoud = (power: number) => decibels(power) > threshold
  return {
    begin: powers.findIndex(isLoud) * TRIM_HOP,
    end: Math.min(samples.length, (powers.findLastIndex(isLoud) + 1) * TRIM_HOP),
  }
}

function framePower(samples: Float32Array, begin: number): number {
  let sum = 0
  const end = Math.min(begin + TRIM_FRAME, samples.length)
  for (let i = Math.max(begin, 0); i < end; i++) sum += (samples[i] ?? 0) ** 2
  return sum / TRIM_FRAME
}

/** Trimmed samples at 16 kHz → [frames, 40], one frame per 10 ms. */
export function voiceMel(samples: Float32Array): Mel {
  const window = hannWindow(FFT_SIZE)
  const { power, bins, frames } = powerSpectrogram(samples, {
    fftSize: FFT_SIZE,
    hopLength: HOP_LENGTH,
    window,
    reflect: FFT_SIZE / 2,
  })
  const filters = melFilters({
    sampleRate: SAMPLE_RATE,
    fftSize: FFT_SIZE,
    channels: VOICE_MEL_CHANNELS,
    highestHz: 8000,
  })
  return { frames, values: Float32Array.from(applyFilters(power, filters, bins)) }
}

/** Overlapping partials [count, 160, 40] of a mel; frames after the last are dropped, or filled up with zeros (MIN_COVERAGE). */
export function cutPartials(mel: Mel): { readonly count: number; readonly values: Float32Array<ArrayBuffer> } {
  const beyondFirst = Math.max(mel.frames - PARTIAL_FRAMES + PARTIAL_STEP, 0)
  const whole = Math.floor(beyondFirst / PARTIAL_STEP)
  const coverage = ((beyondFirst % PARTIAL_STEP) + PARTIAL_FRAMES - PARTIAL_STEP) / PARTIAL_FRAMES
  const count = whole === 0 || coverage >= MIN_COVERAGE ? whole + 1 : whole
  const size = PARTIAL_FRAMES * VOICE_MEL_CHANNELS
  const values = new Float32Array(count * size)
  for (let i = 0; i < count; i++) {
    const begin = i * PARTIAL_STEP * VOICE_MEL_CHANNELS
    values.set(mel.values.subarray(begin, begin + size), i * size)
  }
  return { count, values }
}
