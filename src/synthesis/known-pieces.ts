// What is known of the pieces of a request: the texts that it was cut into, and of those that are spoken, when in the audio they are.
import type { GuardFired } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import type { Job } from '../jobs/job.ts'
import { type DonePiece, findPieces } from '../jobs/pieces.ts'
import type { Database } from '../storage/postgres.ts'
import { cutText } from './speak-pieces.ts'
import type { SpeechFacts } from './speech.ts'
import type { StoredPieceText, StoredRequest } from './stored-request.ts'

export interface KnownPiece {
  readonly index: number
  /** As it is spoken. */
  readonly text: string
  readonly seed: number
  /** Where it is spoken. */
  readonly done?: {
    /** undefined: one before it is not spoken yet. */
    readonly startSeconds: number | undefined
    readonly durationSeconds: number
    readonly guards: readonly GuardFired[]
    /** Its samples can still be read. */
    readonly isKept: boolean
  }
}

const FORGOTTEN =
  'The pieces of this request are not known any more: its retention is `none`, or it is of an older version.'

/**
 * In the order of the text; none of a request that could only be refused. Throws AppError `pieces_unavailable` when text or times are
 * forgotten.
 */
export async function findKnownPieces(db: Database, job: Job): Promise<KnownPiece[]> {
  const texts = cutOf(job)
  const rows = texts && (await findPieces(db, job.id, 0))
  const isForgotten = job.state === 'completed' && (job.result as SpeechFacts).pieceSeconds?.length !== texts?.length
  if (!texts || isForgotten) throw new AppError('pieces_unavailable', FORGOTTEN)
  const durationOf = durationsOf(rows ?? [], job)
  const rowOf = new Map(rows?.map((row) => [row.index, row]))
  let startSeconds: number | undefined = 0
  return texts.map(({ text, seed = (job.request as StoredRequest).seed }, index) => {
    const durationSeconds = durationOf(index)
    const row = rowOf.get(index)
    const done = durationSeconds !== undefined && {
      startSeconds,
      durationSeconds,
      guards: row?.guards ?? [],
      isKept: row !== undefined,
    }
    startSeconds =
      startSeconds === undefined || durationSeconds === undefined ? undefined : startSeconds + durationSeconds
    return { index, text, seed, ...(done ? { done } : {}) }
  })
}

/** What its text was cut into; undefined: that is forgotten. */
export function cutOf(job: Job): readonly StoredPieceText[] | undefined {
  const { text, textHandling, pieces, ...rest } = job.request as Partial<StoredRequest> // submit-speech.ts writes it with the job
  if ('refusal' in rest) return []
  if (pieces) return pieces
  return text === undefined ? undefined : cutText({ text, textHandling }).map((piece) => ({ text: piece }))
}

/** Seconds of the piece with an index; undefined: it is not spoken, or not among `rows` of a job that has not completed. */
export function durationsOf(rows: readonly DonePiece[], job: Job): (index: number) => number | undefined {
  const facts = job.state === 'completed' ? (job.result as SpeechFacts) : undefined // perform-job.ts writes it with the job
  const rowOf = new Map(rows.map((row) => [row.index, row]))
  return (index) => {
    const row = rowOf.get(index)
    return facts?.pieceSeconds?.[index] ?? (row && row.samples / row.sampleRate)
  }
}
