// An engine in this process whose work costs nothing: for tests and measurements of what is around an engine.
import type { AudioChunk, Engine, Piece, Voice } from '../../src/engine/engine.ts'
import { sine } from './signals.ts'

const SAMPLE_RATE = 24_000

export interface ToneEngine extends Engine {
  /** Pieces that were begun. */
  readonly pieces: readonly Piece[]
  /** Pieces whose consumer went away before the end. */
  readonly stopped: number
}

const TONE_VOICE: Voice = { model: 'preview', version: 'tone', tensors: {}, metadata: {} }

/**
 * Every piece becomes a second of the same tone. `beforeChunk` runs before each of its ten chunks and may wait, or throw as an engine
 * that fails would.
 */
export function createToneEngine(
  beforeChunk: (piece: Piece, chunk: number, signal: AbortSignal) => Promise<void> | void = () => {},
  slots = 1,
): ToneEngine {
  const pieces: Piece[] = []
  let stopped = 0
  const samples = sine(440, 0.1, SAMPLE_RATE)
  return {
    get pieces() {
      return pieces
    },
    get stopped() {
      return stopped
    },
    info: async () => ({ model: 'preview', version: 'tone', sampleRate: SAMPLE_RATE, slots }),
    encodeVoice: async () => TONE_VOICE,
    async *synthesize(piece, signal): AsyncIterable<AudioChunk> {
      pieces.push(piece)
      let finished = false
      try {
        for (let chunk = 0; chunk < 10; chunk++) {
          signal.throwIfAborted()
          await beforeChunk(piece, chunk, signal)
          signal.throwIfAborted()
          yield { samples, guards: [] }
        }
        finished = true
      } finally {
        if (!finished) stopped += 1
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
