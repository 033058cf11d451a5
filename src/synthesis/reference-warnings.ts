// What was noticed about the recording of a voice when it was encoded. It stays with the voice, in its metadata: whoever speaks with it from
// a cache or a file hears of it as well.
import type { RecordingProblem } from '../audio/recording-check.ts'
import type { Voice } from '../engine/engine.ts'

/** A closed list, also for what a voice file claims: it goes into a header. */
const REFERENCE_WARNINGS = ['clipped', 'noisy'] as const
export type ReferenceWarning = (typeof REFERENCE_WARNINGS)[number]

const METADATA = 'reference.warnings'

export function withWarnings(voice: Voice, warnings: readonly RecordingProblem[]): Voice {
  if (warnings.length === 0) return voice
  const kinds = warnings.map(({ kind }) => kind).join(' ')
  return { ...voice, metadata: { ...voice.metadata, [METADATA]: kinds } }
}

export function readWarnings({ metadata }: Voice): ReferenceWarning[] {
  const kinds = metadata[METADATA]?.split(' ') ?? []
  return REFERENCE_WARNINGS.filter((warning) => kinds.includes(warning))
}
