// The pieces of a job that are made: committed one by one under the lease, so that a retry begins where its predecessor ended.
import { sql } from 'kysely'
import { invariant } from '../errors.ts'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { violatedConstraint } from '../storage/violations.ts'
import { isUnwanted } from './attendance.ts'
import { notifyChanged } from './notify.ts'

export const PIECES_FOLDER = 'pieces'

/** A new key for each attempt at a piece. */
export function makePieceBlobKey(jobId: string, index: number): string {
  return `${PIECES_FOLDER}/${jobId.slice(0, 2)}/${jobId}-${index}-${newId().slice(0, 8)}`
}

export interface DonePiece {
  readonly index: number
  /** Its samples, in whatever form the worker has written them. */
  readonly blobKey: string
  readonly samples: number
  readonly sampleRate: number
  /** As it was given to `commitPiece`. */
  readonly guards: unknown
  readonly engineSeconds: number
  readonly chargeMicro: number
  /** Of the engine that spoke it; none in rows of before. */
  readonly model?: string | null | undefined
  readonly version?: string | null | undefined
}

export interface PieceCommit extends DonePiece {
  readonly id: string
  readonly leaseToken: string
  /** The lease is renewed as well. */
  readonly leaseSeconds: number
}

/**
 * Records a piece whose blob is durable, charges it (only jobs that stream are paid by the piece), and renews the lease. `cancel`: the job is
 * to stop, nothing has happened. `lost`: it is somebody else's. In both cases the caller's blob belongs to nobody.
 */
export async function commitPiece(db: Database, piece: PieceCommit): Promise<'committed' | 'cancel' | 'lost'> {
  invariant(Number.isSafeInteger(piece.chargeMicro) && piece.chargeMicro >= 0, `${piece.chargeMicro} is no charge`)
  const { id, leaseToken, index, chargeMicro } = piece
  const statement = sql<{ id: string }>`
    with job as (
      update jobs set
        charged_micro = charged_micro + ${chargeMicro}::bigint,
        lease_until = now() + ${piece.leaseSeconds} * interval '1 second'
      where id = ${id} and lease_token = ${leaseToken} and state = 'running' and not ${isUnwanted}
        and (stream or ${chargeMicro}::bigint = 0)
        and not exists (select from job_pieces where job_id = ${id} and index = ${index})
      returning id, account_id
    ), piece as (
      insert into job_pieces (
        job_id, index, blob_key, samples, sample_rate, guards, engine_seconds, charge_micro, model, version
      )
      select
        id, ${index}, ${piece.blobKey}, ${piece.samples}, ${piece.sampleRate}, ${JSON.stringify(piece.guards)},
        ${piece.engineSeconds}, ${chargeMicro}, ${piece.model ?? null}, ${piece.version ?? null}
      from job
    ), charge as (
      insert into ledger (account_id, kind, amount_micro, job_id, piece)
      select account_id, 'charge', -${chargeMicro}::bigint, id, ${index} from job where ${chargeMicro}::bigint > 0
    ), paid as (
      update accounts set balance_micro = balance_micro - ${chargeMicro}::bigint, held_micro = held_micro - ${chargeMicro}::bigint
      from job where accounts.id = job.account_id and ${chargeMicro}::bigint > 0
    )
    select id from job
  `
  return retryTransient(async () => {
    const row = (await statement.execute(db).catch(asSecond))?.rows[0]
    if (!row) return findFate(db, piece)
    notifyChanged(db, id) // somebody may be waiting to send it, or to tell of it
    return 'committed'
  })
}

/** The answer to an earlier attempt was lost while it was still at work: two of them see no piece, and the schema lets one of them make it. */
function asSecond(error: unknown): undefined {
  const constraint = violatedConstraint(error)
  if (constraint !== 'job_pieces_pkey' && constraint !== 'ledger_one_charge_per_output') throw error
}

/** Why a piece was not committed, or that an earlier attempt has done it whose answer was lost. */
async function findFate(db: Database, piece: PieceCommit): Promise<'committed' | 'cancel' | 'lost'> {
  const { rows } = await sql<{ isOurs: boolean; isCancelled: boolean; isPaidWhole: boolean }>`
    select
      exists (select from job_pieces where job_id = jobs.id and blob_key = ${piece.blobKey}) as "isOurs",
      ${isUnwanted} as "isCancelled",
      not stream as "isPaidWhole"
    from jobs where id = ${piece.id} and lease_token = ${piece.leaseToken} and state = 'running'
  `.execute(db)
  const job = rows[0]
  if (!job) return 'lost'
  if (job.isOurs) return 'committed'
  if (job.isCancelled) return 'cancel'
  invariant(piece.chargeMicro === 0 || !job.isPaidWhole, `job ${piece.id} is not paid by the piece`)
  throw new Error(`Piece ${piece.index} of job ${piece.id} was committed twice in one attempt. This is a bug.`)
}

/** Those with an index of `fromIndex` or more, in their order. Whose job it is has to be known already. */
export async function findPieces(db: Database, jobId: string, fromIndex: number): Promise<DonePiece[]> {
  return retryTransient(() =>
    db
      .selectFrom('job_pieces')
      .select(['index', 'blob_key as blobKey', 'samples', 'sample_rate as sampleRate', 'guards'])
      .select(['engine_seconds as engineSeconds', 'charge_micro as chargeMicro', 'model', 'version'])
      .where('job_id', '=', jobId)
      .where('index', '>=', fromIndex)
      .orderBy('index')
      .execute(),
  )
}

/**
 * Takes back the pieces of a running job that is not paid by the piece, because they cannot be gone on with. Their blobs, which belong to
 * nobody then, are returned. undefined: the job is somebody else's.
 */
export async function discardPieces(
  db: Database,
  { id, leaseToken }: Pick<PieceCommit, 'id' | 'leaseToken'>,
): Promise<string[] | undefined> {
  const statement = sql<{ blobKey: string | null }>`
    with job as (
      select id from jobs where id = ${id} and lease_token = ${leaseToken} and state = 'running' and not stream for update
    ), gone as (
      delete from job_pieces using job where job_id = job.id returning blob_key
    )
    select blob_key as "blobKey" from job left join gone on true
  `
  const { rows } = await retryTransient(() => statement.execute(db))
  return rows.length === 0 ? undefined : rows.flatMap(({ blobKey }) => blobKey ?? [])
}
