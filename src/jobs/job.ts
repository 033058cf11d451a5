// A request to speak as the database knows it. Owns the table jobs, with the other files of this room.
import { type Selectable, sql } from 'kysely'
import { type ErrorCode, invariant } from '../errors.ts'
import { isId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import type { JobsTable } from '../storage/tables.ts'
import { retryTransient } from '../storage/transient.ts'

interface JobFacts {
  readonly id: string
  readonly accountId: string
  readonly apiKeyId: string
  /** What was asked for, as it was given to `submitJob`. */
  readonly request: unknown
  readonly holdMicro: number
  readonly createdAt: Date
  /** From then on neither the job nor its output is found any more. */
  readonly expiresAt: Date
}

export interface OpenJob extends JobFacts {
  readonly state: 'queued' | 'running'
}

export interface CompletedJob extends JobFacts {
  readonly state: 'completed'
  readonly finishedAt: Date
  readonly chargeMicro: number
  /** As it was given to `completeJob`. */
  readonly result: unknown
  readonly output: JobOutput & { readonly token: string }
}

export interface FailedJob extends JobFacts {
  readonly state: 'failed'
  readonly finishedAt: Date
  readonly error: JobError
}

export interface CancelledJob extends JobFacts {
  readonly state: 'cancelled'
  readonly finishedAt: Date
}

export type Job = OpenJob | CompletedJob | FailedJob | CancelledJob

export interface JobOutput {
  readonly blobKey: string
  readonly mediaType: string
  readonly bytes: number
  /** Of the bytes, in hex. */
  readonly sha256: string
  readonly audioSeconds: number
}

export interface JobError {
  readonly code: ErrorCode
  readonly message: string
  readonly param: string | undefined
}

/** undefined: there is none, it has expired, or it is another account's. */
export async function findJob(db: Database, accountId: string, id: string): Promise<Job | undefined> {
  if (!isId(id)) return undefined
  const row = await retryTransient(() =>
    db
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirst(),
  )
  return row && readJob(row)
}

export function readJob(row: Selectable<JobsTable>): Job {
  const facts = {
    id: row.id,
    accountId: row.account_id,
    apiKeyId: row.api_key_id,
    request: row.request,
    holdMicro: row.hold_micro,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
  const { state, finished_at: finishedAt } = row
  if (state === 'queued' || state === 'running') return { ...facts, state }
  invariant(finishedAt, `job ${row.id} is finished and has no date`)
  switch (state) {
    case 'completed':
      return { ...facts, state, finishedAt, ...readOutcome(row) }
    case 'failed':
      return { ...facts, state, finishedAt, error: readError(row) }
    case 'cancelled':
      return { ...facts, state, finishedAt }
  }
  return state satisfies never
}

function readOutcome(row: Selectable<JobsTable>): Pick<CompletedJob, 'chargeMicro' | 'result' | 'output'> {
  const { output_token: token, output_blob_key: blobKey, output_media_type: mediaType, output_sha256: sha256 } = row
  const { output_bytes: bytes, output_audio_seconds: audioSeconds, charge_micro: chargeMicro } = row
  invariant(token && blobKey && mediaType && sha256, `job ${row.id} is completed and has no output`)
  invariant(
    bytes !== null && audioSeconds !== null && chargeMicro !== null,
    `job ${row.id} is completed and has no size`,
  )
  return { chargeMicro, result: row.result, output: { token, blobKey, mediaType, bytes, sha256, audioSeconds } }
}

function readError(row: Selectable<JobsTable>): JobError {
  invariant(row.error_code !== null && row.error_message !== null, `job ${row.id} has failed and has no error`)
  return { code: row.error_code as ErrorCode, message: row.error_message, param: row.error_param ?? undefined }
}
