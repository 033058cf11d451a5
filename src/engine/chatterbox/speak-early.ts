// A piece as chunks while its tokens are still being made. What is out cannot be taken back: no second attempt, no trimming.
import type { AudioChunk } from '../engine.ts'
import { fadeOut } from './decoder/fade-out.ts'
import type { SpeechStream } from './decoder/speech-stream.ts'
import type { SpeechTokens } from './tokens/speech-lm.ts'

/** Tokens of a window. The first is short: 0.5 s of sound are out of it. Each costs the decoder its context again, so they grow. */
const FIRST_WINDOW = 20
const LONGEST_WINDOW = 80

/**
 * `generate` makes the tokens and tells of each; `decode` runs the decoder when it is its turn. Windows are counted in tokens and depend on
 * nothing else, so the samples do not depend on who else is speaking.
 */
export async function* speakEarly(
  generate: (onToken: (token: number) => void, signal: AbortSignal) => Promise<SpeechTokens>,
  stream: SpeechStream,
  decode: <T>(task: () => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): AsyncGenerator<AudioChunk> {
  const made: number[] = []
  let wake = (): void => {}
  let spoken: SpeechTokens | undefined
  const stop = new AbortController()
  const abort = () => stop.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  const onToken = (token: number): void => {
    made.push(token)
    wake()
  }
  const ended = generate(onToken, stop.signal).then((result) => {
    spoken = result
  })
  ended.catch(() => {}) // thrown below, when it is waited for
  try {
    for (let size = FIRST_WINDOW; ; size = Math.min(2 * size, LONGEST_WINDOW)) {
      // One token more than the window tells that it is not the last.
      while (made.length <= size && !spoken) {
        const more = new Promise<void>((resolve) => {
          wake = resolve
        })
        await Promise.race([more, ended])
      }
      const last = made.length <= size ? spoken : undefined
      const tokens = made.splice(0, size)
      const samples = await decode(() => stream.push(tokens, last !== undefined, signal))
      if (last) fadeOut(samples)
      const guards = last && last.ending !== 'stop' ? [last.ending] : []
      if (samples.length > 0) yield { samples, guards }
      if (last) return
    }
  } finally {
    signal.removeEventListener('abort', abort)
    stop.abort(new Error('nobody listens any more'))
  }
}
