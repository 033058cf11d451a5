// Ending a job: its charge or the release of its hold happens in the statement that ends it, and only for
// whoever holds the lease. A job that was to be cancelled never completes.
import { sql } from 'kysely'
import type { ErrorCode } from '../errors.ts'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { isUnwanted } from './attendance.ts'
import type { JobOutput } from './job.ts'
import { notifyChanged } from './notify.ts'
import { scrubbedRequest, settlement } from './settlement.ts'

// A file that nobody fetches is gone by then; one that somebody fetches goes at once.
const UNRETAINED_FOR = '1 hour'

export interface Completion {
  readonly id: string
  readonly leaseToken: string
  /** At most the hold. */
  readonly chargeMicro: number
  /** Its blob is durable already. */
  readonly output: JobOutput
  /** Where the voice is kept for pieces that are spoken again later; durable as well. */
  readonly voiceBlobKey?: string | undefined
  /** Facts of the result that JSON can hold, for whoever asks for the job later. */
  readonly result: unknown
}

export interface Failure {
  readonly id: string
  readonly leaseToken: string
  readonly code: ErrorCode
  /** For the caller. */
  readonly message: string
  readonly param?: string | undefined
}

export interface Completed {
  /** The account's balance after the charge. */
  readonly remainingMicro: number
  readonly outputToken: string
  readonly expiresAt: Date
}

/**
 * Makes output and charge visible together, and releases what was held beyond the charge. A job that streams has paid for its pieces:
 * `chargeMicro` is not looked at. undefined: the lease was lost, or the job was to be cancelled or nobody waits for it any more, and it is
 * cancelled now; the caller's blob belongs to nobody.
 */
export async function completeJob(db: Database, completion: Completion): Promise<Completed | undefined> {
  const { id, leaseToken, chargeMicro, output } = completion
  const has = (value: unknown) => sql`case when not ${isUnwanted} then ${value} end`
  const statement = sql<Completed & { state: 'completed' | 'cancelled' }>`
    with ended as (
      update jobs set
        state = case when ${isUnwanted} then 'cancelled' else 'completed' end,
        finished_at = now(),
        charge_micro = case when not ${isUnwanted} then case when stream then charged_micro else ${chargeMicro}::bigint end end,
        charged_micro = case when stream or ${isUnwanted} then charged_micro else ${chargeMicro}::bigint end,
        result = ${has(sql`${JSON.stringify(completion.result)}::jsonb`)},
        output_token = ${has(sql`${newId()}::text`)},
        output_blob_key = ${has(sql`${output.blobKey}::text`)},
        output_media_type = ${has(sql`${output.mediaType}::text`)},
        output_bytes = ${has(sql`${output.bytes}::bigint`)},
        output_sha256 = ${has(sql`${output.sha256}::text`)},
        output_audio_seconds = ${has(sql`${output.audioSeconds}::float8`)},
        voice_blob_key = ${has(sql`coalesce(voice_blob_key, ${completion.voiceBlobKey ?? null}::text)`)},
        request = ${scrubbedRequest},
        expires_at = case retention when 'none' then least(expires_at, now() + ${UNRETAINED_FOR}::interval) else expires_at end
      where id = ${id} and lease_token = ${leaseToken} and state = 'running'
      returning *
    ), ${settlement}
    select
      state,
      settled.balance_micro as "remainingMicro",
      ended.output_token as "outputToken",
      ended.expires_at as "expiresAt"
    from ended join settled on settled.id = ended.account_id
  `
  return retryTransient(async () => {
    const row = (await statement.execute(db)).rows[0]
    if (!row) return findOwnCompletion(db, completion)
    notifyChanged(db, id)
    if (row.state === 'cancelled') return undefined
    const { state: _state, ...completed } = row
    return completed
  })
}

/** What an earlier attempt has done whose answer was lost. The blob's key is this attempt's alone. */
async function findOwnCompletion(db: Database, { id, leaseToken, output }: Completion): Promise<Completed | undefined> {
  const { rows } = await sql<Completed>`
    select balance_micro as "remainingMicro", output_token as "outputToken", expires_at as "expiresAt"
    from jobs join accounts on accounts.id = jobs.account_id
    where jobs.id = ${id} and lease_token = ${leaseToken} and output_blob_key = ${output.blobKey}
  `.execute(db)
  return rows[0]
}

/**
 * Ends the job without output and releases its hold; one that was to be cancelled is cancelled. False: the lease was lost and nothing has
 * happened.
 */
export async function failJob(db: Database, failure: Failure): Promise<boolean> {
  const { id, leaseToken, code, message, param } = failure
  const statement = sql`
    with ended as (
      update jobs set
        state = case when cancel_requested then 'cancelled' else 'failed' end,
        finished_at = now(),
        error_code = case when not cancel_requested then ${code}::text end,
        error_message = case when not cancel_requested then ${message}::text end,
        error_param = case when not cancel_requested then ${param ?? null}::text end,
        request = ${scrubbedRequest}
      where id = ${id} and lease_token = ${leaseToken} and state = 'running'
      returning *
    ), ${settlement}
    select ended.id from ended join settled on settled.id = ended.account_id
  `
  return retryTransient(async () => {
    if ((await statement.execute(db)).rows.length === 0) return hasOwnFailure(db, failure)
    notifyChanged(db, id)
    return true
  })
}

async function hasOwnFailure(db: Database, { id, leaseToken, code, message }: Failure): Promise<boolean> {
  const found = await db
    .selectFrom('jobs')
    .select('id')
    .where('id', '=', id)
    .where('lease_token', '=', leaseToken)
    .where('error_code', '=', code)
    .where('error_message', '=', message)
    .executeTakeFirst()
  return found !== undefined
}
