// Text and a voice in, an encoded sound file out: the one way speech is made, for a request over HTTP and for the command line.
// Knows no accounts, jobs or credits.
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { encodeAudio } from '../audio/encode/encoder.ts'
import { concatSamples } from '../audio/pcm.ts'
import type { Engine, GuardFired, Voice } from '../engine/engine.ts'
import { splitIntoPieces } from '../engine/text/pieces.ts'
import { AppError } from '../errors.ts'
import type { SpeechFacts, SpeechRequest } from './speech.ts'

export interface Progress {
  readonly piecesDone: number
  readonly pieces: number
  readonly audioSeconds: number
}

export interface Generated {
  readonly bytes: Uint8Array
  readonly facts: Omit<SpeechFacts, 'timings'>
  readonly engineSeconds: number
}

/** What the contract calls random is replaced by a seed that can be reported and used again. */
const chosenSeed = (seed: number): number => (seed === 0 || seed === -1 ? randomInt(1, 2 ** 31) : seed)

/** Any safe integer to the engine's 32 bits, never 0; small positive seeds stay what they are. */
function engineSeed(seed: number): number {
  const high = Math.floor(seed / 2 ** 32)
  return (seed ^ Math.imul(high, 0x9e3779b9)) >>> 0 || 1
}

/**
 * Speaks the whole text in `voice` and encodes it. Pieces are made in order; their samples are joined as they are.
 * Throws AppError `invalid_parameter` (text) when there is nothing in it that can be spoken, and whatever the engine throws.
 */
export async function generate(
  request: SpeechRequest,
  voice: Voice,
  engine: Engine,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Generated> {
  const { model, sampleRate } = await engine.info()
  const seed = chosenSeed(request.seed)
  const pieces = splitIntoPieces(request.text)
  const chunks: Float32Array[] = []
  const guards = new Set<GuardFired>()
  let sampleCount = 0
  let engineSeconds = 0

  for (const [index, text] of pieces.entries()) {
    const startedAt = performance.now()
    const piece = { text, index, voice, sampling: request.sampling, seed: engineSeed(seed) }
    for await (const chunk of engine.synthesize(piece, signal)) {
      chunks.push(chunk.samples)
      sampleCount += chunk.samples.length
      for (const guard of chunk.guards) guards.add(guard)
    }
    engineSeconds += (performance.now() - startedAt) / 1000
    onProgress({ piecesDone: index + 1, pieces: pieces.length, audioSeconds: sampleCount / sampleRate })
  }
  if (sampleCount === 0) {
    throw new AppError('invalid_parameter', 'text has nothing in it that can be spoken.', { param: 'text' })
  }

  const bytes = await encodeAudio(concatSamples(chunks), sampleRate, request.format)
  return {
    bytes,
    facts: { model, seed, sampleRate, audioSeconds: sampleCount / sampleRate, guards: [...guards] },
    engineSeconds,
  }
}
