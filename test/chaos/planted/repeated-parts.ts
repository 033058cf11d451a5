// A fault: whoever goes on in the middle of a piece sends it again from its beginning.
import type { SpokenPart } from '../../../src/synthesis/speak-pieces.ts'

export const leaveOut =
  (_heard: Float32Array) =>
  (part: SpokenPart): SpokenPart =>
    part
