// A text as pieces, spoken: in order for whoever listens, several at a time in the engine where it has slots to fill. What a piece sounds
// like does not depend on that. One of low latency is given out in parts, while the rest of it is being spoken.
import { performance } from 'node:perf_hooks'
import { concatSamples } from '../audio/pcm.ts'
import type { Engine, GuardFired, Piece, Voice } from '../engine/engine.ts'
import { splitIntoPieces } from '../engine/text/pieces.ts'
import { abortTogether } from './abort-together.ts'
import { createPieceGate, type PieceGate, type PieceLine } from './piece-gate.ts'
import type { SpeechRequest } from './speech.ts'
import type { StoredPieceText, StoredRequest } from './stored-request.ts'

/** A piece, or of one of low latency what has come of it since the part before. */
export interface SpokenPart {
  /** Of the piece in its text. */
  readonly index: number
  /** Nothing more of the piece comes. */
  readonly isLast: boolean
  /** Mono at the engine's rate; none where the engine found nothing to speak in the piece, and in the last part of one of low latency. */
  readonly samples: Float32Array
  readonly guards: readonly GuardFired[]
  /** By how much it lengthened the work on its text: of what was spoken at the same time, every second counts once. */
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

/**
 * So many pieces at the beginning of a request of low latency are spoken so: the first, which is waited for, is some 7 s long, and the second,
 * of up to 18 s, is not whole when that has been heard. The third is.
 */
const EARLY_PIECES = 2

/** What is to be spoken: the text cut into pieces, where it is not cut already. `seed` is one already chosen, neither 0 nor −1. */
export function piecesOf(
  request: Pick<SpeechRequest, 'text' | 'textHandling' | 'sampling' | 'latency'> & Pick<StoredRequest, 'pieces'>,
  seed: number,
  voice: Voice,
): Piece[] {
  const { sampling, latency } = request
  const pieces: readonly StoredPieceText[] = request.pieces ?? cutText(request).map((text) => ({ text }))
  return pieces.map(({ text, seed: own = seed }, index) => {
    const piece = { text, index, voice, sampling, seed: engineSeed(own) }
    return latency && index < EARLY_PIECES ? { ...piece, latency } : piece
  })
}

/** So many pieces of a text at once before its first is out: beside one other it is hardly slower than alone, beside three half as long again. */
const WHILE_FIRST_IS_AWAITED = 2

/** One per engine, for all requests in this process. */
const gates = new WeakMap<Engine, PieceGate>()

/**
 * Speaks pieces of one text – all of them, or those that are still missing – and gives them back in order, each as soon as it and those
 * before it are done. While the engine has free slots the ones to come are begun as well, at most as many as it has slots, so that is
 * what is held in memory. An abort stops all of them, and so does a consumer that goes away. What the engine throws at a piece is thrown
 * in that piece's turn, after those before it are out. A piece of low latency is begun in its turn and given out as it is spoken; the ones
 * after it are begun when its first sound is out, so that it has the engine to itself until then. The first one of all has no more than one
 * beside it where somebody waits for it (`isHeard`).
 */
export async function* speakPieces(
  pieces: readonly Piece[],
  engine: Engine,
  signal: AbortSignal,
  { isHeard = false }: { readonly isHeard?: boolean } = {},
): AsyncGenerator<SpokenPart, void, void> {
  const { slots } = await engine.info()
  const gate = gates.get(engine) ?? createPieceGate()
  gates.set(engine, gate)
  const line = gate.join(slots)
  const goneAway = new AbortController()
  using stop = abortTogether(signal, goneAway.signal)
  const coming: Promise<TimedPart>[] = []
  let begun = 0
  let failed = false
  /** Begins what may be ahead of its turn, until so many pieces are coming. */
  const begin = (most: number): void => {
    for (let piece = pieces[begun]; piece && coming.length < most && !failed; piece = pieces[begun]) {
      if (piece.latency === 'low') return
      begun++
      const spoken = speakWhole(piece, engine, line, stop.signal)
      spoken.catch(() => {
        failed = true
      })
      coming.push(spoken)
    }
  }
  let doneAt = 0
  const countOnce = ({ beganAt, endedAt, ...part }: TimedPart): SpokenPart => {
    const engineSeconds = Math.max(0, endedAt - Math.max(beganAt, doneAt)) / 1000
    doneAt = Math.max(doneAt, endedAt)
    return { ...part, engineSeconds }
  }
  try {
    while (begun < pieces.length || coming.length > 0) {
      begin(isHeard && begun === 0 ? Math.min(slots, WHILE_FIRST_IS_AWAITED) : slots)
      const next = coming.shift()
      const inParts = next ? undefined : pieces[begun++]
      if (next) {
        const piece = await next
        begin(slots)
        yield countOnce(piece)
      } else if (inParts) {
        for await (const part of speakInParts(inParts, engine, line, stop.signal)) {
          begin(slots - 1)
          yield countOnce(part)
        }
      }
    }
  } finally {
    goneAway.abort(new Error('nobody listens any more'))
    await Promise.allSettled(coming)
  }
}

interface TimedPart extends Omit<SpokenPart, 'engineSeconds'> {
  readonly beganAt: number
  readonly endedAt: number
}

async function speakWhole(piece: Piece, engine: Engine, line: PieceLine, signal: AbortSignal): Promise<TimedPart> {
  using _place = await line.enter(signal)
  const beganAt = performance.now()
  const chunks: Float32Array[] = []
  const guards = new Set<GuardFired>()
  for await (const chunk of engine.synthesize(piece, signal)) {
    chunks.push(chunk.samples)
    for (const guard of chunk.guards) guards.add(guard)
  }
  const samples = concatSamples(chunks)
  return { index: piece.index, isLast: true, samples, guards: [...guards], beganAt, endedAt: performance.now() }
}

/** An engine does not say which chunk is its last before it has ended: that part is empty, and none before it is. */
async function* speakInParts(
  { index, ...piece }: Piece,
  engine: Engine,
  line: PieceLine,
  signal: AbortSignal,
): AsyncGenerator<TimedPart, void, void> {
  using _place = await line.enter(signal)
  let beganAt = performance.now()
  const part = (samples: Float32Array, guards: readonly GuardFired[], isLast: boolean): TimedPart => {
    const times = { beganAt, endedAt: performance.now() }
    beganAt = times.endedAt
    return { index, isLast, samples, guards, ...times }
  }
  let untold: readonly GuardFired[] = []
  for await (const { samples, guards } of engine.synthesize({ index, ...piece }, signal)) {
    untold = [...untold, ...guards]
    if (samples.length === 0) continue
    yield part(samples, untold, false)
    untold = []
  }
  yield part(new Float32Array(0), untold, true)
}
