// What matching found out about a reference: everything that rendering needs, as a few numbers and a curve, stored as a Voice.
import { z } from 'zod'
import { THIRD_OCTAVES_HZ } from '../../audio/spectrum.ts'
import { AppError } from '../../errors.ts'
import type { Voice } from '../engine.ts'

/** Changes whenever the same recording or piece would give other numbers or samples. */
export const PREVIEW_VERSION = '1'

export interface VoicePlan {
  readonly base: 'slt' | 'rms'
  /** Formants are raised by this many percent of their frequency; 100 leaves them. Whole, so that resampling stays rational. */
  readonly tractPercent: number
  /** Tempo asked of Flite, before resampling by `tractPercent` speeds it up. */
  readonly durationStretch: number
  /** Median pitch and spread asked of the base voice, before resampling. */
  readonly pitchHz: number
  readonly spreadSemitones: number
  /** Gains in dB at THIRD_OCTAVES_HZ. */
  readonly equalizer: Float32Array
  /** Linear, brings the speech to its loudness. */
  readonly gain: number
}

const positive = z.coerce.number().positive().finite()
const storedNumbers = z.object({
  base: z.enum(['slt', 'rms']),
  tractPercent: positive.int().min(50).max(200),
  durationStretch: positive.min(0.2).max(5),
  pitchHz: positive.min(30).max(800),
  spreadSemitones: positive.max(24),
  gain: positive.max(1000),
})

export function planToVoice(plan: VoicePlan): Voice {
  const { equalizer, ...numbers } = plan
  return {
    model: 'preview',
    version: PREVIEW_VERSION,
    tensors: { equalizer: { dtype: 'F32', shape: [equalizer.length], data: equalizer } },
    metadata: Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)])),
  }
}

/** Throws AppError for a voice that this engine did not make. */
export function voiceToPlan(voice: Voice): VoicePlan {
  const numbers = storedNumbers.safeParse(voice.metadata)
  const equalizer = voice.tensors.equalizer?.data
  const fits =
    voice.model === 'preview' &&
    voice.version === PREVIEW_VERSION &&
    equalizer instanceof Float32Array &&
    equalizer.length === THIRD_OCTAVES_HZ.length &&
    equalizer.every((gain) => Math.abs(gain) < 100)
  if (!numbers.success || !fits) {
    throw new AppError(
      'invalid_reference_audio',
      'This voice was made for another engine; make it again from the recording.',
      {
        param: 'reference_audio',
      },
    )
  }
  return { ...numbers.data, equalizer }
}
