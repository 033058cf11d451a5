// What a sane utterance of a text looks like, to notice when the model goes astray: it rambles on, drones, breaks off, or ends in silence.
import { BRACKETED, recognizeTag } from '../text/tags.ts'
import { SAMPLE_RATE } from './decoder/frame-rates.ts'

/** The official limit: 40 s. */
const MOST_TOKENS = 1000
/** Tokens that even an empty text may take, per letter (slow speech says 8 a second) and per sound such as a laugh (3 s). */
const FREE_TOKENS = 100
const MOST_TOKENS_PER_LETTER = 3
const MOST_TOKENS_PER_TAG = 75
/** The fastest speakers say 25 letters a second, one a token; half of that is an utterance that broke off. */
const LEAST_TOKENS_PER_LETTER = 0.5

/** How many speech tokens a text can reasonably take; what goes on longer is cut off. */
export function mostTokens(text: string): number {
  const { letters, tags } = countParts(text)
  return Math.min(MOST_TOKENS, FREE_TOKENS + MOST_TOKENS_PER_LETTER * letters + MOST_TOKENS_PER_TAG * tags)
}

/** How many speech tokens it takes at the very least. */
export const leastTokens = (text: string): number => Math.floor(LEAST_TOKENS_PER_LETTER * countParts(text).letters)

function countParts(text: string): { letters: number; tags: number } {
  const spoken = text.replaceAll(BRACKETED, (whole, inside: string) => (recognizeTag(inside) ? '' : whole))
  const tags = [...text.matchAll(BRACKETED)].filter(([, inside = '']) => recognizeTag(inside)).length
  return { letters: spoken.match(/[\p{L}\p{N}]/gu)?.length ?? 0, tags }
}

/** A window is silent below −60 dB, or 45 dB below the loudest window. */
const WINDOW = SAMPLE_RATE / 50
const SILENCE = 1e-3
const SILENCE_BELOW_PEAK = 10 ** (-45 / 20)
/** The pause that ends a sentence is part of it; a longer one is cut to the usual. */
const LONGEST_PAUSE = 0.8 * SAMPLE_RATE
const USUAL_PAUSE = 0.3 * SAMPLE_RATE

/** The samples without a long silence at their end, or the same array if there is none. */
export function trimTrailingSilence(samples: Float32Array): Float32Array {
  const levels = Array.from({ length: Math.ceil(samples.length / WINDOW) }, (_, i) =>
    rootMeanSquare(samples.subarray(i * WINDOW, (i + 1) * WINDOW)),
  )
  const limit = Math.max(SILENCE, SILENCE_BELOW_PEAK * levels.reduce((most, level) => Math.max(most, level), 0))
  const end = Math.min(samples.length, (levels.findLastIndex((level) => level >= limit) + 1) * WINDOW)
  return samples.length - end > LONGEST_PAUSE ? samples.subarray(0, end + USUAL_PAUSE) : samples
}

const rootMeanSquare = (samples: Float32Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
