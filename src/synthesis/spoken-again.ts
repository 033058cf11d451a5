// A piece that was being heard when its worker was lost, spoken once more from its beginning by whoever goes on: only what nobody has heard yet
// is kept of it.
import { AppError } from '../errors.ts'
import type { SpokenPart } from './speak-pieces.ts'

/**
 * The same piece has the same samples on machines of one kind; of two kinds they differ by rounding, far below this. Another rendition
 * differs by more within a millisecond.
 */
const SAME_WITHIN = 1e-3

/**
 * Takes the parts as they are spoken again and gives back what is beyond `heard`, or undefined where all of one is in it. However the parts
 * are cut, not a sample is repeated or left out. Throws AppError `pieces_unavailable` when something else is spoken now: another model, or
 * another recording behind the same URL.
 */
export function leaveOut(heard: Float32Array): (part: SpokenPart) => SpokenPart | undefined {
  let at = 0
  return (part) => {
    const known = part.samples.subarray(0, heard.length - at)
    const isSame = known.every((sample, i) => Math.abs(sample - (heard[at + i] ?? 0)) < SAME_WITHIN)
    at += known.length
    if (!isSame || (part.isLast && at < heard.length)) throw spokenOtherwise()
    const samples = part.samples.subarray(known.length)
    return samples.length > 0 || part.isLast ? { ...part, samples } : undefined
  }
}

const spokenOtherwise = (): AppError =>
  new AppError(
    'pieces_unavailable',
    'The stream broke off in the middle of a sentence, and its voice or model is another one now. Send the text again.',
  )
