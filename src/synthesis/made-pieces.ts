// The pieces of a claimed job that are made: by earlier attempts, taken over from another job, or just now. Kept in the blob store, and the
// first few minutes of them in memory as well.
import type { AudioTags } from '../audio/encode/tags.ts'
import { concatSamples } from '../audio/pcm.ts'
import type { EngineInfo, GuardFired, Piece } from '../engine/engine.ts'
import { AppError, invariant } from '../errors.ts'
import type { ClaimedJob } from '../jobs/claim.ts'
import { commitPart, type DonePart, discardPieces, makePieceBlobKey } from '../jobs/pieces.ts'
import { LEASE_SECONDS } from '../jobs/worker.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { readPieceFile, writePieceFile } from './piece-file.ts'
import type { SpokenPart } from './speak-pieces.ts'
import { leaveOut } from './spoken-again.ts'

/** 32 MB: 350 s at 24 kHz, more than nearly every request. */
const SAMPLES_IN_MEMORY = 8 << 20

interface MadePiece {
  readonly samples: number
  readonly guards: readonly GuardFired[]
  readonly engineSeconds: number
}

interface MadePart extends MadePiece {
  readonly isLast: boolean
  /** At least one of the two is there. */
  readonly inMemory?: Float32Array | undefined
  readonly blobKey?: string | undefined
}

export interface MadePieces {
  /** Those that are still to be spoken, in order; what there is of the first of them already is spoken again. */
  readonly missing: readonly Piece[]
  /** In the order in which it was spoken. False: the job is not ours to go on with. Throws AppError `pieces_unavailable` when what was spoken again is something else. */
  keep(part: SpokenPart): Promise<boolean>
  /** What is known of each, in order. All of them must be made. */
  list(): readonly MadePiece[]
  /** Piece after piece. All of them must be made. */
  samples(): AsyncGenerator<Float32Array, void, void>
}

export interface PieceRules {
  readonly info: EngineInfo
  readonly tags: AudioTags
  /** All are stored, to be played and spoken again later. Otherwise the last one of a file is kept by the file itself. */
  readonly keepsAll: boolean
  /** Only what is missing was paid for. */
  readonly isDerived: boolean
}

interface Place {
  readonly db: Database
  readonly blobs: Blobs
}

/**
 * What can be gone on with. Somebody has heard the pieces of a stream, so they stay; those of a file that another engine spoke are given up
 * and spoken again, and so is one that is not whole, which an engine might go on with otherwise. undefined: the job is not ours to go on
 * with. Throws AppError `pieces_unavailable` where they cannot be given up.
 */
export async function openMadePieces(
  place: Place,
  job: ClaimedJob,
  pieces: readonly Piece[],
  rules: PieceRules,
): Promise<MadePieces | undefined> {
  const isOurs = ({ model, version }: DonePart) => model === rules.info.model && version === rules.info.version
  if (job.stream) return madePieces(place, job, pieces, rules, job.parts)
  const areOurs = job.parts.every(isOurs)
  const whole = new Set(job.parts.filter(({ isLast }) => isLast).map(({ index }) => index))
  const kept = areOurs ? job.parts.filter(({ index }) => whole.has(index)) : []
  if (kept.length === job.parts.length) return madePieces(place, job, pieces, rules, kept)
  if (!areOurs && rules.isDerived) {
    const message = `The other pieces of this text were spoken by another model, or another version of it, than ${rules.info.model} as it is now. Send the text again.`
    throw new AppError('pieces_unavailable', message)
  }
  const unfinished = areOurs ? job.parts.find(({ index }) => !whole.has(index)) : undefined
  const discarded = await discardPieces(place.db, job, unfinished?.index)
  for (const blobKey of discarded ?? []) await place.blobs.delete(blobKey)
  return discarded && madePieces(place, job, pieces, rules, kept)
}

async function madePieces(
  place: Place,
  job: ClaimedJob,
  pieces: readonly Piece[],
  rules: PieceRules,
  done: readonly DonePart[],
): Promise<MadePieces> {
  const made = new Map<number, readonly MadePart[]>()
  const partsOf = (index: number) => made.get(index) ?? []
  const add = (index: number, part: MadePart) => made.set(index, [...partsOf(index), part])
  for (const { index, ...part } of done) add(index, part)
  const missing = pieces.filter(({ index }) => !partsOf(index).at(-1)?.isLast)
  const last = missing.at(-1)?.index
  const unfinished = missing.find(({ index }) => made.has(index))?.index
  const rest = unfinished === undefined ? undefined : leaveOut(await readParts(place.blobs, done, unfinished))
  let inMemory = 0
  return {
    missing,
    async keep(spoken) {
      const { index } = spoken
      const part = rest && index === unfinished ? rest(spoken) : spoken
      if (!part) return true
      const { samples, guards, engineSeconds, isLast } = part
      const isHeardEarly = pieces[index]?.latency === 'low'
      const isStored = job.stream || rules.keepsAll || isHeardEarly || index !== last
      const number = partsOf(index).length
      const blobKey = isStored ? await storePart(place, job, { ...part, part: number }, pieces, rules) : undefined
      if (isStored && blobKey === undefined) return false
      const isHeld = !isStored || inMemory + samples.length <= SAMPLES_IN_MEMORY
      if (isHeld) inMemory += samples.length
      const known = { samples: samples.length, guards, engineSeconds, isLast, blobKey }
      add(index, { ...known, inMemory: isHeld ? samples : undefined })
      return true
    },
    list: () => pieces.map(({ index }) => joinParts(partsOf(index))),
    async *samples() {
      for (const { inMemory: held, blobKey } of pieces.flatMap(({ index }) => partsOf(index))) {
        if (held) yield held
        else if (blobKey) yield (await readPiece(place.blobs, blobKey)).samples
      }
    },
  }
}

function joinParts(parts: readonly MadePart[]): MadePiece {
  invariant(parts.at(-1)?.isLast, 'a piece is not made')
  return {
    samples: parts.reduce((total, { samples }) => total + samples, 0),
    guards: parts.flatMap(({ guards }) => guards),
    engineSeconds: parts.reduce((total, { engineSeconds }) => total + engineSeconds, 0),
  }
}

async function readParts(blobs: Blobs, done: readonly DonePart[], index: number): Promise<Float32Array> {
  const parts: Float32Array[] = []
  for (const part of done) if (part.index === index) parts.push((await readPiece(blobs, part.blobKey)).samples)
  return concatSamples(parts)
}

export async function readPiece(blobs: Blobs, blobKey: string) {
  const bytes = await blobs.read(blobKey)
  invariant(bytes, `the piece ${blobKey} is gone`)
  return readPieceFile(bytes)
}

/** Its blob; undefined: the job is not ours to go on with. */
async function storePart(
  { db, blobs }: Place,
  job: ClaimedJob,
  { samples, ...spoken }: SpokenPart & { readonly part: number },
  pieces: readonly Piece[],
  { info: { model, version, sampleRate }, tags }: PieceRules,
): Promise<string | undefined> {
  const { index, part } = spoken
  const blobKey = makePieceBlobKey(job.id, index)
  await blobs.put(blobKey, writePieceFile({ model, version, tags, samples }))
  const outcome = await commitPart(db, {
    ...spoken,
    id: job.id,
    leaseToken: job.leaseToken,
    blobKey,
    samples: samples.length,
    sampleRate,
    model,
    version,
    chargeMicro: job.stream && part === 0 ? shareOf(job.holdMicro, pieces, index) : 0,
    leaseSeconds: LEASE_SECONDS,
  })
  if (outcome === 'committed') return blobKey
  await blobs.delete(blobKey)
  return undefined
}

/** Of the price of a text, what its piece costs: by its characters. The shares of all pieces are the price, to the last micro-dollar. */
function shareOf(priceMicro: number, pieces: readonly Piece[], index: number): number {
  const lengths = pieces.map(({ text }) => text.length)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const upTo = (end: number) => {
    const length = lengths.slice(0, end).reduce((sum, each) => sum + each, 0)
    return Math.floor((priceMicro * length) / total)
  }
  return upTo(index + 1) - upTo(index)
}
