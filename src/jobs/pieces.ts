// The pieces of a job that are made: committed one by one under the lease, so that a retry begins where its predecessor ended. A piece of low
// latency is committed part by part; for nearly everybody it is there when its last part is.
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

interface Done {
  /** Of the piece in the text. */
  readonly index: number
  readonly samples: number
  readonly sampleRate: number
  readonly guards: readonly string[]
  readonly engineSeconds: number
  readonly chargeMicro: number
}

/** What was committed at once: a piece, or what of it was made by then. */
export interface DonePart extends Done {
  /** Of the part in its piece. */
  readonly part: number
  /** Nothing more of its piece comes. It may be empty. */
  readonly isLast: boolean
  /** Its samples, in whatever form the worker has written them. */
  readonly blobKey: string
  /** Of the engine that spoke it; none in rows of before. */
  readonly model?: string | null | undefined
  readonly version?: string | null | undefined
}

/** A piece of which all parts are there. */
export interface DonePiece extends Done {
  /** Of its parts, in order. */
  readonly blobKeys: readonly string[]
}

export interface PartCommit extends DonePart {
  readonly id: string
  readonly leaseToken: string
  /** The lease is renewed as well. */
  readonly leaseSeconds: number
}

/**
 * Records a piece, or the next part of one, whose blob is durable, charges it (only jobs that stream are paid by the piece, and a piece with
 * its first part), and renews the lease. `cancel`: the job is to stop, nothing has happened. `lost`: it is somebody else's. In both cases the
 * caller's blob belongs to nobody.
 */
export async function commitPart(db: Database, done: PartCommit): Promise<'committed' | 'cancel' | 'lost'> {
  invariant(Number.isSafeInteger(done.chargeMicro) && done.chargeMicro >= 0, `${done.chargeMicro} is no charge`)
  const { id, leaseToken, index, part, chargeMicro } = done
  invariant(part === 0 || chargeMicro === 0, 'a piece is paid with its first part')
  const statement = sql<{ id: string }>`
    with job as (
      update jobs set
        charged_micro = charged_micro + ${chargeMicro}::bigint,
        lease_until = now() + ${done.leaseSeconds} * interval '1 second'
      where id = ${id} and lease_token = ${leaseToken} and state = 'running' and not ${isUnwanted}
        and (stream or ${chargeMicro}::bigint = 0)
        and not exists (select from job_pieces where job_id = ${id} and index = ${index} and part = ${part})
      returning id, account_id
    ), part as (
      insert into job_pieces (
        job_id, index, part, is_last, blob_key, samples, sample_rate, guards, engine_seconds, charge_micro, model, version
      )
      select
        id, ${index}, ${part}, ${done.isLast}, ${done.blobKey}, ${done.samples}, ${done.sampleRate}, ${JSON.stringify(done.guards)},
        ${done.engineSeconds}, ${chargeMicro}, ${done.model ?? null}, ${done.version ?? null}
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
    if (!row) return findFate(db, done)
    notifyChanged(db, id) // somebody may be waiting to send it, or to tell of it
    return 'committed'
  })
}

/** The answer to an earlier attempt was lost while it was still at work: two of them see no part, and the schema lets one of them make it. */
function asSecond(error: unknown): undefined {
  const constraint = violatedConstraint(error)
  if (constraint !== 'job_pieces_pkey' && constraint !== 'ledger_one_charge_per_output') throw error
}

/** Why a part was not committed, or that an earlier attempt has done it whose answer was lost. */
async function findFate(db: Database, done: PartCommit): Promise<'committed' | 'cancel' | 'lost'> {
  const { rows } = await sql<{ isOurs: boolean; isCancelled: boolean; isPaidWhole: boolean }>`
    select
      exists (select from job_pieces where job_id = jobs.id and blob_key = ${done.blobKey}) as "isOurs",
      ${isUnwanted} as "isCancelled",
      not stream as "isPaidWhole"
    from jobs where id = ${done.id} and lease_token = ${done.leaseToken} and state = 'running'
  `.execute(db)
  const job = rows[0]
  if (!job) return 'lost'
  if (job.isOurs) return 'committed'
  if (job.isCancelled) return 'cancel'
  invariant(done.chargeMicro === 0 || !job.isPaidWhole, `job ${done.id} is not paid by the piece`)
  throw new Error(
    `Part ${done.part} of piece ${done.index} of job ${done.id} was committed twice in one attempt. This is a bug.`,
  )
}

/** A place among the parts of a job. */
export type PartPlace = Pick<DonePart, 'index' | 'part'>

/** Those from this one on, in their order. Whose job it is has to be known already. */
export async function findParts(db: Database, jobId: string, from: PartPlace): Promise<DonePart[]> {
  const { rows } = await retryTransient(() =>
    sql<DonePart>`
      select
        index, part, is_last as "isLast", blob_key as "blobKey", samples, sample_rate as "sampleRate", guards,
        engine_seconds as "engineSeconds", charge_micro as "chargeMicro", model, version
      from job_pieces where job_id = ${jobId} and (index, part) >= (${from.index}::int, ${from.part}::int)
      order by index, part
    `.execute(db),
  )
  return rows
}

/** The place after a part. */
export const placeAfter = ({ index, part, isLast }: DonePart): PartPlace =>
  isLast ? { index: index + 1, part: 0 } : { index, part: part + 1 }

/** The pieces with an index of `fromIndex` or more of which all is there, in their order. Whose job it is has to be known already. */
export async function findPieces(db: Database, jobId: string, fromIndex: number): Promise<DonePiece[]> {
  const pieces: DonePiece[] = []
  let parts: DonePart[] = []
  for (const part of await findParts(db, jobId, { index: fromIndex, part: 0 })) {
    parts = part.part === 0 ? [part] : [...parts, part]
    if (part.isLast) pieces.push(joinParts(parts))
  }
  return pieces
}

function joinParts(parts: readonly DonePart[]): DonePiece {
  const [first] = parts
  invariant(first, 'a piece has a part')
  const sum = (of: (part: DonePart) => number) => parts.reduce((total, part) => total + of(part), 0)
  return {
    index: first.index,
    blobKeys: parts.map(({ blobKey }) => blobKey),
    samples: sum(({ samples }) => samples),
    sampleRate: first.sampleRate,
    guards: [...new Set(parts.flatMap(({ guards }) => guards))],
    engineSeconds: sum(({ engineSeconds }) => engineSeconds),
    chargeMicro: first.chargeMicro,
  }
}

/**
 * Takes back the pieces of a running job that is not paid by the piece, or the one with an index, because they cannot be gone on with. Their
 * blobs, which belong to nobody then, are returned. undefined: the job is somebody else's.
 */
export async function discardPieces(
  db: Database,
  { id, leaseToken }: Pick<PartCommit, 'id' | 'leaseToken'>,
  index?: number,
): Promise<string[] | undefined> {
  const statement = sql<{ blobKey: string | null }>`
    with job as (
      select id from jobs where id = ${id} and lease_token = ${leaseToken} and state = 'running' and not stream for update
    ), gone as (
      delete from job_pieces using job
      where job_id = job.id and index = coalesce(${index ?? null}::int, index) returning blob_key
    )
    select blob_key as "blobKey" from job left join gone on true
  `
  const { rows } = await retryTransient(() => statement.execute(db))
  return rows.length === 0 ? undefined : rows.flatMap(({ blobKey }) => blobKey ?? [])
}
