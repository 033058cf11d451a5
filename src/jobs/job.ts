// A request to speak as the database knows it. Owns the table jobs, with the other files of this room.
import { type Selectable, sql } from 'kysely'
import { type ErrorCode, invariant } from '../errors.ts'
import { isId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import type { JobsTable } from '../storage/tables.ts'
import { retryTransient } from '../storage/transient.ts'

/** `sync`: a caller holds a connection open for it. */
export type JobMode = 'sync' | 'async'
/** `none`: text, reference and output are forgotten as soon as they have served. */
export type Retention = 'normal' | 'none'

interface JobFacts {
  readonly id: string
  readonly accountId: string
  readonly apiKeyId: string
  readonly mode: JobMode
  readonly retention: Retention
  /** Paid by the piece. */
  readonly stream: boolean
  readonly characters: number
  readonly webhookUrl: string | undefined
  /** Claims so far, less those that were given back. */
  readonly attempts: number
  readonly maxAttempts: number
  /** Of the last worker that has claimed it. */
  readonly model: string | undefined
  readonly workerId: string | undefined
  /** Of the hold, what is paid already. */
  readonly chargedMicro: number
  /** What was asked for, as it was given to `submitJob`; without text and reference once a job of retention `none` has ended. */
  readonly request: unknown
  readonly holdMicro: number
  readonly createdAt: Date
  /** When a worker began for the first time. */
  readonly startedAt: Date | undefined
  /** From then on neither the job nor its output is found any more. */
  readonly expiresAt: Date
}

export interface OpenJob extends JobFacts {
  readonly state: 'queued' | 'running'
  /** True for a running job that its worker has yet to stop. */
  readonly cancelRequested: boolean
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

/** undefined: there is none, it has expired, or it is another account's. Without an account: whose it is does not matter. */
export async function findJob(db: Database, accountId: string | undefined, id: string): Promise<Job | undefined> {
  if (!isId(id)) return undefined
  const row = await retryTransient(() =>
    db
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', id)
      .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId ?? ''))
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
    mode: row.mode,
    retention: row.retention,
    stream: row.stream,
    characters: row.characters,
    webhookUrl: row.webhook_url ?? undefined,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    model: row.model ?? undefined,
    workerId: row.worker_id ?? undefined,
    chargedMicro: row.charged_micro,
    request: row.request,
    holdMicro: row.hold_micro,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    expiresAt: row.expires_at,
  }
  const { state, finished_at: finishedAt } = row
  if (state === 'queued' || state === 'running') return { ...facts, state, cancelRequested: row.cancel_requested }
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
