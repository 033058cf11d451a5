// What the decoder speaks of a language model's tokens.
import { SPEECH_TOKENS } from '../tokens/speech-tokens.ts'

/** Three tokens of silence after the last word, as the official decoder adds them: without them its last sound is cut short. */
export const TRAILING_SILENCE: readonly number[] = [4299, 4299, 4299]

/** The tokens that are sounds: not start and stop of speech. */
export const soundsOf = (speechTokens: ArrayLike<number>): number[] =>
  Array.from(speechTokens).filter((token) => token < SPEECH_TOKENS)
