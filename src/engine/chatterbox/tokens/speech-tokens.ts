// The alphabet of speech: ids below 6561 are sounds of 40 ms, two more start and stop an utterance. And when a run of them is no speech.

/** 3⁸ codes of the speech tokenizer. */
export const SPEECH_TOKENS = 6561
export const START_TOKEN = 6561
export const STOP_TOKEN = 6562
export const SPEECH_VOCABULARY = 6563
export const SPEECH_TOKENS_PER_SECOND = 25

/** Three seconds with this few different sounds are a drone or silence that the model will not leave (fewer than 12 of 75). */
const WINDOW = 75
const LEAST_DISTINCT = 12
/** A phrase of up to 1.3 s said three times over, token by token, and at least 64 tokens of it. */
const LONGEST_PERIOD = 32
const LEAST_REPEATED = 64

/** Of an utterance that ended in a loop, so many of the last tokens say nothing new. */
export const LOOP_TOKENS = 60

/** Whether the model has fallen into a loop by the last of these tokens. Cheap enough to ask after every token. */
export function endsInLoop(tokens: readonly number[]): boolean {
  if (tokens.length >= WINDOW && new Set(tokens.slice(-WINDOW)).size < LEAST_DISTINCT) return true
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    if (repeatedTail(tokens, period) >= Math.max(LEAST_REPEATED, 3 * period)) return true
  }
  return false
}

/** Length of the longest ending of `tokens` that repeats itself every `period` tokens. */
function repeatedTail(tokens: readonly number[], period: number): number {
  let length = period
  while (length < tokens.length && tokens[tokens.length - 1 - length] === tokens[tokens.length - 1 - length + period]) {
    length++
  }
  return length
}
