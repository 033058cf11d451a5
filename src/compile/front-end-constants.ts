// Constants of the speech tokenizer's front end that the checkpoint carries: the engine computes its own, so they are compared, not used.

import { melFilters } from '../engine/chatterbox/voice/mel-filters.ts'
import { SPEECH_MEL_FILTERS } from '../engine/chatterbox/voice/speech-mel.ts'
import { hannWindow } from '../engine/chatterbox/voice/windows.ts'
import { CheckpointError } from './checkpoint/checkpoint-error.ts'
import type { WeightScope } from './checkpoint/weights.ts'

/** The float32 cosines of two libraries differ by 6e-8; another filter bank would differ by 1e-3. */
const TOLERANCE = 1e-6

/** `weights` is the scope `tokenizer`. Throws CheckpointError if the checkpoint was trained with another front end. */
export function checkFrontEndConstants(weights: WeightScope, fileName: string): void {
  const { fftSize, channels } = SPEECH_MEL_FILTERS
  check('_mel_filters', [channels, fftSize / 2 + 1], melFilters(SPEECH_MEL_FILTERS))
  check('window', [fftSize], hannWindow(fftSize))

  function check(name: string, shape: readonly number[], expected: Float32Array): void {
    const found = weights.take(name, shape).read()
    const differs = found.some((value, i) => !(Math.abs(value - (expected[i] ?? 0)) <= TOLERANCE))
    if (differs)
      throw new CheckpointError(fileName, `tensor ${weights.path(name)} is not that of this model's front end`)
  }
}
