// The pieces of a claimed job that are made: by earlier attempts, taken over from another job, or just now. Kept in the blob store, and the
// first few minutes of them in memory as well.
import type { AudioTags } from '../audio/encode/tags.ts'
import type { EngineInfo, GuardFired, Piece } from '../engine/engine.ts'
import { AppError, invariant } from '../errors.ts'
import type { ClaimedJob } from '../jobs/claim.ts'
import { commitPiece, type DonePiece, discardPieces, makePieceBlobKey } from '../jobs/pieces.ts'
import { LEASE_SECONDS } from '../jobs/worker.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { readPieceFile, writePieceFile } from './piece-file.ts'
import type { SpokenPiece } from './speak-pieces.ts'

/** 32 MB: 350 s at 24 kHz, more than nearly every request. */
const SAMPLES_IN_MEMORY = 8 << 20

interface MadePiece {
  readonly samples: number
  readonly guards: readonly GuardFired[]
  readonly engineSeconds: number
  /** At least one of the two is there. */
  readonly inMemory?: Float32Array | undefined
  readonly blobKey?: string | undefined
}

export interface MadePieces {
  /** Those that are still to be spoken, in order. */
  readonly missing: readonly Piece[]
  /** False: the job is not ours to go on with. */
  keep(piece: SpokenPiece): Promise<boolean>
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
 * and spoken again. undefined: the job is not ours to go on with. Throws AppError `pieces_unavailable` where they cannot be given up.
 */
export async function openMadePieces(
  place: Place,
  job: ClaimedJob,
  pieces: readonly Piece[],
  rules: PieceRules,
): Promise<MadePieces | undefined> {
  const isOurs = ({ model, version }: DonePiece) => model === rules.info.model && version === rules.info.version
  if (job.stream || job.pieces.every(isOurs)) return madePieces(place, job, pieces, rules, job.pieces)
  if (rules.isDerived) {
    const message = `The other pieces of this text were spoken by another model, or another version of it, than ${rules.info.model} as it is now. Send the text again.`
    throw new AppError('pieces_unavailable', message)
  }
  const discarded = await discardPieces(place.db, job)
  for (const blobKey of discarded ?? []) await place.blobs.delete(blobKey)
  return discarded && madePieces(place, job, pieces, rules, [])
}

function madePieces(
  place: Place,
  job: ClaimedJob,
  pieces: readonly Piece[],
  rules: PieceRules,
  done: readonly DonePiece[],
): MadePieces {
  const made = new Map<number, MadePiece>()
  for (const { index, blobKey, samples, guards, engineSeconds } of done) {
    made.set(index, { samples, guards: guards as GuardFired[], engineSeconds, blobKey })
  }
  const missing = pieces.filter(({ index }) => !made.has(index))
  const last = missing.at(-1)?.index
  let inMemory = 0
  const get = (index: number): MadePiece => {
    const piece = made.get(index)
    invariant(piece, `piece ${index} of job ${job.id} is not made`)
    return piece
  }
  return {
    missing,
    async keep(piece) {
      const { index, samples, guards, engineSeconds } = piece
      const isStored = job.stream || rules.keepsAll || index !== last
      const blobKey = isStored ? await storePiece(place, job, piece, pieces, rules) : undefined
      if (isStored && blobKey === undefined) return false
      const isHeld = !isStored || inMemory + samples.length <= SAMPLES_IN_MEMORY
      if (isHeld) inMemory += samples.length
      const known = { samples: samples.length, guards, engineSeconds, blobKey }
      made.set(index, { ...known, inMemory: isHeld ? samples : undefined })
      return true
    },
    list: () => pieces.map(({ index }) => get(index)),
    async *samples() {
      for (const { index } of pieces) {
        const { inMemory: held, blobKey } = get(index)
        if (held) yield held
        else if (blobKey) yield (await readPiece(place.blobs, blobKey)).samples
      }
    },
  }
}

export async function readPiece(blobs: Blobs, blobKey: string) {
  const bytes = await blobs.read(blobKey)
  invariant(bytes, `the piece ${blobKey} is gone`)
  return readPieceFile(bytes)
}

/** Its blob; undefined: the job is not ours to go on with. */
async function storePiece(
  { db, blobs }: Place,
  job: ClaimedJob,
  { index, samples, guards, engineSeconds }: SpokenPiece,
  pieces: readonly Piece[],
  { info: { model, version, sampleRate }, tags }: PieceRules,
): Promise<string | undefined> {
  const blobKey = makePieceBlobKey(job.id, index)
  await blobs.put(blobKey, writePieceFile({ model, version, tags, samples }))
  const outcome = await commitPiece(db, {
    id: job.id,
    leaseToken: job.leaseToken,
    index,
    blobKey,
    samples: samples.length,
    sampleRate,
    guards,
    engineSeconds,
    model,
    version,
    chargeMicro: job.stream ? shareOf(job.holdMicro, pieces, index) : 0,
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
