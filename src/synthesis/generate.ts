// Text and a voice in, an encoded sound file out: the one way speech is made, for a job and for the command line.
// Knows no accounts, jobs or credits.
import { randomInt } from 'node:crypto'
import { encodeAudio } from '../audio/encode/encoder.ts'
import type { AudioTags } from '../audio/encode/tags.ts'
import { concatSamples } from '../audio/pcm.ts'
import type { Engine, GuardFired, Voice } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import { nameVoice, tagsOf } from './provenance.ts'
import { piecesOf, type SpokenPart, speakPieces } from './speak-pieces.ts'
import type { SpeechFacts, SpeechRequest } from './speech.ts'

export interface Progress {
  readonly piecesDone: number
  readonly pieces: number
  readonly audioSeconds: number
}

export interface Generated {
  readonly bytes: Uint8Array
  readonly facts: Pick<SpeechFacts, 'model' | 'seed' | 'sampleRate' | 'audioSeconds' | 'guards'>
  readonly engineSeconds: number
}

/** What the contract calls random is replaced by a seed that can be reported and used again. */
export const chooseSeed = (seed: number): number => (seed === 0 || seed === -1 ? randomInt(1, 2 ** 31) : seed)

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
  const seed = chooseSeed(request.seed)
  const pieces = piecesOf(request, seed, voice)
  const spoken: SpokenPart[] = []
  let sampleCount = 0

  for await (const piece of speakPieces(pieces, engine, signal)) {
    spoken.push(piece)
    sampleCount += piece.samples.length
    onProgress({ piecesDone: spoken.length, pieces: pieces.length, audioSeconds: sampleCount / sampleRate })
  }
  const tags = tagsOf({ model, voice: nameVoice(voice), seed }, undefined)
  const { bytes, audioSeconds, guards, engineSeconds } = await joinPieces(spoken, sampleRate, request, tags)
  return { bytes, facts: { model, seed, sampleRate, audioSeconds, guards }, engineSeconds }
}

export const nothingSpoken = (): AppError =>
  new AppError('invalid_parameter', 'text has nothing in it that can be spoken.', { param: 'text' })

export interface JoinedPieces {
  readonly bytes: Uint8Array
  readonly audioSeconds: number
  readonly guards: readonly GuardFired[]
  readonly engineSeconds: number
}

/** All pieces of a text, in order, as one file that carries `tags`. Throws AppError `invalid_parameter` (text) when there is no sound in them. */
export async function joinPieces(
  pieces: readonly Omit<SpokenPart, 'index' | 'isLast'>[],
  sampleRate: number,
  { format, encoding }: Pick<SpeechRequest, 'format' | 'encoding'>,
  tags: AudioTags,
): Promise<JoinedPieces> {
  const samples = concatSamples(pieces.map((piece) => piece.samples))
  if (samples.length === 0) throw nothingSpoken()
  return {
    bytes: await encodeAudio(samples, sampleRate, format, tags, encoding),
    audioSeconds: samples.length / sampleRate,
    guards: [...new Set(pieces.flatMap(({ guards }) => guards))],
    engineSeconds: pieces.reduce((total, { engineSeconds }) => total + engineSeconds, 0),
  }
}
