// Text and a voice in, an encoded sound file out: the one way speech is made, for a request over HTTP and for the command line.
// Knows no accounts, jobs or credits.
import { randomInt } from 'node:crypto'
import { encodeAudio } from '../audio/encode/encoder.ts'
import { concatSamples } from '../audio/pcm.ts'
import type { Engine, GuardFired, Voice } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import { piecesOf, speakPieces } from './speak-pieces.ts'
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

/**
 * Speaks the whole text in `voice` and encodes it. The samples of its pieces are joined as they are.
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
  const pieces = piecesOf(request, seed, voice)
  const spoken: Float32Array[] = []
  const guards = new Set<GuardFired>()
  let sampleCount = 0
  let engineSeconds = 0

  for await (const piece of speakPieces(pieces, engine, signal)) {
    spoken.push(piece.samples)
    sampleCount += piece.samples.length
    for (const guard of piece.guards) guards.add(guard)
    engineSeconds += piece.engineSeconds
    onProgress({ piecesDone: spoken.length, pieces: pieces.length, audioSeconds: sampleCount / sampleRate })
  }
  if (sampleCount === 0) {
    throw new AppError('invalid_parameter', 'text has nothing in it that can be spoken.', { param: 'text' })
  }

  const bytes = await encodeAudio(concatSamples(spoken), sampleRate, request.format)
  return {
    bytes,
    facts: { model, seed, sampleRate, audioSeconds: sampleCount / sampleRate, guards: [...guards] },
    engineSeconds,
  }
}
