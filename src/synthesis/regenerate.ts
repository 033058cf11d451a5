// One piece of a finished request spoken again, as a request of its own that takes over all the others.
import { priceMicro } from '../billing/prices.ts'
import { AppError } from '../errors.ts'
import { type CompletedJob, findJob } from '../jobs/job.ts'
import { type Submitted, submitJob } from '../jobs/submit.ts'
import { findVoice } from '../storage/stored-voices.ts'
import { findBuiltInVoice } from './built-in-voices.ts'
import { chooseSeed } from './generate.ts'
import { findKnownPieces } from './known-pieces.ts'
import { namedVoice, noSuchVoice } from './reference-audio.ts'
import type { Caller, SpeechRequest } from './speech.ts'
import type { StoredRequest } from './stored-request.ts'
import { MAX_ATTEMPTS, type SubmitDeps } from './submit-speech.ts'

export interface PieceWish {
  /** Of the request that the piece is in. */
  readonly jobId: string
  readonly index: number
  /** 0 and −1: a random one. */
  readonly seed: number
  readonly idempotency?: SpeechRequest['idempotency']
}

const NOT_COMPLETED = 'The request has not completed. A piece can be spoken again once it has.'
const NOT_KEPT =
  'The pieces of this request are not kept: that is so for requests through /v1, with retention none, and of a single piece. Send the text again with another seed.'

/**
 * Adds the request under `id`, with the price of the piece held; undefined: there is no such request to derive it from. Throws AppError:
 * not_completed, pieces_unavailable, invalid_parameter (index), invalid_reference_audio (its voice was deleted), insufficient_credits,
 * idempotency_conflict, overloaded, unavailable.
 */
export async function regeneratePiece(
  { db, config }: Pick<SubmitDeps, 'db' | 'config'>,
  { jobId, index, seed, idempotency }: PieceWish,
  { accountId, apiKeyId }: Caller,
  id: string,
): Promise<Submitted | undefined> {
  const job = await findJob(db, accountId, jobId)
  if (!job) return undefined
  if (job.state !== 'completed') throw new AppError('not_completed', NOT_COMPLETED)
  const pieces = await findKeptPieces(db, job)
  const piece = pieces[index]
  if (!piece) {
    const message = `index must be between 0 and ${pieces.length - 1}: the request has ${pieces.length} pieces.`
    throw new AppError('invalid_parameter', message, { param: 'index' })
  }
  const source = job.request as StoredRequest
  await requireVoice(db, source, accountId)
  const chosen = chooseSeed(seed)
  const request: StoredRequest = {
    ...source,
    pieces: pieces.map(({ text, seed: own }, at) => ({ text, seed: at === index ? chosen : own })),
    derivedFrom: jobId,
  }
  return submitJob(db, {
    id,
    accountId,
    apiKeyId,
    mode: 'async',
    request,
    characters: [...piece.text].length,
    holdMicro: priceMicro(piece.text, config.PRICE_PER_1000_CHARACTERS),
    idempotency,
    ttlHours: config.RESULT_TTL_HOURS,
    maxAttempts: MAX_ATTEMPTS.async,
    retention: 'normal',
    derivedFrom: { jobId, exceptIndex: index, pieces: pieces.length - 1 },
  })
}

async function findKeptPieces(db: SubmitDeps['db'], job: CompletedJob) {
  const isKept = job.mode === 'async' && job.retention === 'normal'
  const pieces = isKept ? await findKnownPieces(db, job) : []
  if (pieces.length < 2 || !pieces.every(({ done }) => done?.isKept)) {
    throw new AppError('pieces_unavailable', NOT_KEPT)
  }
  return pieces
}

/** A voice that its owner has deleted speaks no more, also where the request still has it. */
async function requireVoice(db: SubmitDeps['db'], { reference }: StoredRequest, accountId: string): Promise<void> {
  const id = reference === undefined ? undefined : namedVoice({ kind: 'string', value: reference })
  if (id === undefined || findBuiltInVoice(id) || (await findVoice(db, accountId, id))) return
  throw noSuchVoice(id)
}
