// Speaks a text again, with other random numbers, when the result cannot be right, and says which guards had to step in.
import type { GuardFired } from '../engine.ts'
import { leastTokens } from './guards.ts'
import type { SpeechTokens } from './tokens/speech-lm.ts'
import { LOOP_TOKENS } from './tokens/speech-tokens.ts'

/** One failure is chance, three are the text. */
const ATTEMPTS = 3

/**
 * The first attempt that is neither a loop nor far too short; of several failures the longest, less its loop. An utterance that was
 * cut off at the most that the text can take is not tried again: it says all it has to say first.
 */
export async function bestAttempt(
  text: string,
  attempt: (index: number) => Promise<SpeechTokens>,
): Promise<{ tokens: readonly number[]; guards: GuardFired[] }> {
  const problems = new Set<string>()
  let best: SpeechTokens = { tokens: [], ending: 'stop' }
  for (let index = 0; index < ATTEMPTS; index++) {
    const spoken = await attempt(index)
    const problem = problemOf(spoken, text)
    if (!problem || spoken.tokens.length > best.tokens.length) best = spoken
    if (!problem) break
    problems.add(`${problem}-retry`)
  }
  const { tokens, ending } = best
  if (ending === 'token-cap') problems.add('token-cap')
  return { tokens: ending === 'loop' ? tokens.slice(0, -LOOP_TOKENS) : tokens, guards: [...problems] }
}

function problemOf({ tokens, ending }: SpeechTokens, text: string): 'loop' | 'too-short' | undefined {
  if (ending === 'loop') return 'loop'
  return tokens.length < leastTokens(text) ? 'too-short' : undefined
}
