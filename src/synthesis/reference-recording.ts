// From the bytes of a reference to a recording that can be cloned.
import { AudioInputError } from '../audio/audio-input-error.ts'
import { decodeAndCheck } from '../audio/decode/decode.ts'
import type { Recording } from '../audio/recording.ts'
import type { RecordingProblem } from '../audio/recording-check.ts'
import { rejectReference } from './reference-audio.ts'

// Of processor time. Decoding and checking five minutes of anything takes a second or two; a file that needs this long is made to.
export const REFERENCE_CPU_MS = 20_000

/**
 * Decodes a reference and checks that it can be cloned. Throws AppError `invalid_reference_audio` with the first thing that is
 * wrong and what to do about it, `unavailable` where there is no processor to do it with. `warnings`: what would make the voice better.
 */
export async function decodeReference(
  file: Uint8Array,
  maxSeconds: number,
  signal: AbortSignal,
): Promise<Recording & { readonly warnings: readonly RecordingProblem[] }> {
  const decoded = decodeAndCheck(file, { maxSeconds, cpuMs: REFERENCE_CPU_MS }, signal)
  const { recording, check } = await decoded.catch((error: unknown) => {
    throw error instanceof AudioInputError ? rejectReference(error.message, error) : error
  })
  const [problem] = check.problems
  if (problem) throw rejectReference(problem.advice)
  return { ...recording, warnings: check.warnings }
}
