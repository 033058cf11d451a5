// A text as pieces, spoken: in order for whoever listens, several at a time in the engine where it has slots to fill. What a piece sounds
// like does not depend on that.
import { performance } from 'node:perf_hooks'
import { concatSamples } from '../audio/pcm.ts'
import type { Engine, GuardFired, Piece, Voice } from '../engine/engine.ts'
import { splitIntoPieces } from '../engine/text/pieces.ts'
import { abortTogether } from './abort-together.ts'
import { createPieceGate, type PieceGate, type PieceLine } from './piece-gate.ts'
import type { SpeechRequest } from './speech.ts'
import type { StoredPieceText, StoredRequest } from './stored-request.ts'

export interface SpokenPiece {
  /** Of the piece in its text. */
  readonly index: number
  /** Mono at the engine's rate; none where the engine found nothing to speak in it. */
  readonly samples: Float32Array
  readonly guards: readonly GuardFired[]
  /** By how much the piece lengthened the work on its text: of what was spoken at the same time, every second counts once. */
  readonly engineSeconds: number
}

/** Any safe integer to the engine's 32 bits, never 0; small positive seeds stay what they are. */
function engineSeed(seed: number): number {
  const high = Math.floor(seed / 2 ** 32)
  return (seed ^ Math.imul(high, 0x9e3779b9)) >>> 0 || 1
}

/** The texts of the pieces of a request. */
export const cutText = ({ text, textHandling }: Pick<SpeechRequest, 'text' | 'textHandling'>): string[] =>
  splitIntoPieces(text, textHandling)

/** What is to be spoken: the text cut into pieces, where it is not cut already. `seed` is one already chosen, neither 0 nor −1. */
export function piecesOf(
  request: Pick<SpeechRequest, 'text' | 'textHandling' | 'sampling'> & Pick<StoredRequest, 'pieces'>,
  seed: number,
  voice: Voice,
): Piece[] {
  const { sampling } = request
  const pieces: readonly StoredPieceText[] = request.pieces ?? cutText(request).map((text) => ({ text }))
  return pieces.map(({ text, seed: own = seed }, index) => ({ text, index, voice, sampling, seed: engineSeed(own) }))
}

/** One per engine, for all requests in this process. */
const gates = new WeakMap<Engine, PieceGate>()

/**
 * Speaks pieces of one text – all of them, or those that are still missing – and gives them back in order, each as soon as it and those
 * before it are done. While the engine has free slots the ones to come are begun as well, at most as many as it has slots, so that is
 * what is held in memory. An abort stops all of them, and so does a consumer that goes away. What the engine throws at a piece is thrown
 * in that piece's turn, after those before it are out.
 */
export async function* speakPieces(
  pieces: readonly Piece[],
  engine: Engine,
  signal: AbortSignal,
): AsyncGenerator<SpokenPiece, void, void> {
  const { slots } = await engine.info()
  const gate = gates.get(engine) ?? createPieceGate()
  gates.set(engine, gate)
  const line = gate.join(slots)
  const goneAway = new AbortController()
  using stop = abortTogether(signal, goneAway.signal)
  const coming: Promise<TimedPiece>[] = []
  let begun = 0
  let failed = false
  const beginNext = (): void => {
    const piece = pieces[begun]
    if (!piece || failed) return
    begun++
    const spoken = speakPiece(piece, engine, line, stop.signal)
    spoken.catch(() => {
      failed = true
    })
    coming.push(spoken)
  }
  try {
    for (let i = 0; i < slots; i++) beginNext()
    let doneAt = 0
    for (let next = coming.shift(); next; next = coming.shift()) {
      const { beganAt, endedAt, ...piece } = await next
      beginNext()
      const engineSeconds = Math.max(0, endedAt - Math.max(beganAt, doneAt)) / 1000
      doneAt = Math.max(doneAt, endedAt)
      yield { ...piece, engineSeconds }
    }
  } finally {
    goneAway.abort(new Error('nobody listens any more'))
    await Promise.allSettled(coming)
  }
}

interface TimedPiece extends Omit<SpokenPiece, 'engineSeconds'> {
  readonly beganAt: number
  readonly endedAt: number
}

async function speakPiece(piece: Piece, engine: Engine, line: PieceLine, signal: AbortSignal): Promise<TimedPiece> {
  using _place = await line.enter(signal)
  const beganAt = performance.now()
  const chunks: Float32Array[] = []
  const guards = new Set<GuardFired>()
  for await (const chunk of engine.synthesize(piece, signal)) {
    chunks.push(chunk.samples)
    for (const guard of chunk.guards) guards.add(guard)
  }
  const samples = concatSamples(chunks)
  return { index: piece.index, samples, guards: [...guards], beganAt, endedAt: performance.now() }
}
