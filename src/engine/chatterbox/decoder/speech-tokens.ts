// What the decoder speaks of a language model's tokens.

/** Tokens from here on are no sounds: start and stop of speech. */
const FIRST_CONTROL_TOKEN = 6561

/** Three tokens of silence after the last word, as the official decoder adds them: without them its last sound is cut short. */
export const TRAILING_SILENCE: readonly number[] = [4299, 4299, 4299]

/** The tokens that are sounds. */
export const soundsOf = (speechTokens: ArrayLike<number>): number[] =>
  Array.from(speechTokens).filter((token) => token < FIRST_CONTROL_TOKEN)
