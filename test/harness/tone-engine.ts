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

/** Each of another height: of one that is missing, or is there twice, it can be told. */
const TONES = Array.from({ length: 10 }, (_, chunk) => sine(440 + 20 * chunk, 0.1, SAMPLE_RATE))
const TONE_VOICE: Voice = { model: 'preview', version: 'tone', tensors: {}, metadata: {} }

/**
 * Every piece becomes a second of the same ten tones. `beforeChunk` runs before each of these chunks and may wait, or throw as an engine
 * that fails would.
 */
export function createToneEngine(
  beforeChunk: (piece: Piece, chunk: number, signal: AbortSignal) => Promise<void> | void = () => {},
  slots = 1,
): ToneEngine {
  const pieces: Piece[] = []
  let stopped = 0
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
          yield { samples: TONES[chunk] ?? new Float32Array(0), guards: [] }
        }
        finished = true
      } finally {
        if (!finished) stopped += 1
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
