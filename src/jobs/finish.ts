// Ending a job: its charge or the release of its hold happens in the statement that ends it, and only for whoever holds the lease.
import { sql } from 'kysely'
import type { ErrorCode } from '../errors.ts'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import type { JobOutput } from './job.ts'

export interface Completion {
  readonly id: string
  readonly leaseToken: string
  /** At most the hold. */
  readonly chargeMicro: number
  /** Its blob is durable already. */
  readonly output: JobOutput
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

/** Keeps the job for another `leaseSeconds`. False: it is no longer the caller's. */
export async function renewLease(db: Database, id: string, leaseToken: string, leaseSeconds: number): Promise<boolean> {
  const statement = sql`
    update jobs set lease_until = now() + ${leaseSeconds} * interval '1 second'
    where id = ${id} and lease_token = ${leaseToken} and state = 'running'
    returning id
  `
  return (await retryTransient(() => statement.execute(db))).rows.length > 0
}

/**
 * Makes output and charge visible together, and releases what was held beyond the charge. undefined: the lease was lost, nothing
 * has happened, and the caller's blob belongs to nobody.
 */
export async function completeJob(db: Database, completion: Completion): Promise<Completed | undefined> {
  const { id, leaseToken, chargeMicro, output } = completion
  const statement = sql<Completed>`
    with job as (
      update jobs set
        state = 'completed',
        finished_at = now(),
        charge_micro = ${chargeMicro},
        result = ${JSON.stringify(completion.result)},
        output_token = ${newId()},
        output_blob_key = ${output.blobKey},
        output_media_type = ${output.mediaType},
        output_bytes = ${output.bytes},
        output_sha256 = ${output.sha256},
        output_audio_seconds = ${output.audioSeconds}
      where id = ${id} and lease_token = ${leaseToken} and state = 'running'
      returning id, account_id, hold_micro, charge_micro, output_token, expires_at
    ), charge as (
      insert into ledger (account_id, kind, amount_micro, job_id)
      select account_id, 'charge', -charge_micro, id from job
    )
    update accounts set
      balance_micro = balance_micro - job.charge_micro,
      held_micro = held_micro - job.hold_micro
    from job where accounts.id = job.account_id
    returning
      accounts.balance_micro as "remainingMicro",
      job.output_token as "outputToken",
      job.expires_at as "expiresAt"
  `
  return retryTransient(async () => {
    const { rows } = await statement.execute(db)
    return rows[0] ?? findOwnCompletion(db, completion)
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

/** Ends the job without output and releases its hold. False: the lease was lost and nothing has happened. */
export async function failJob(db: Database, failure: Failure): Promise<boolean> {
  const { id, leaseToken, code, message, param } = failure
  const statement = sql`
    with job as (
      update jobs set
        state = 'failed',
        finished_at = now(),
        error_code = ${code},
        error_message = ${message},
        error_param = ${param ?? null}
      where id = ${id} and lease_token = ${leaseToken} and state = 'running'
      returning account_id, hold_micro
    )
    update accounts set held_micro = held_micro - job.hold_micro
    from job where accounts.id = job.account_id
    returning accounts.id
  `
  return retryTransient(async () => {
    const { rows } = await statement.execute(db)
    return rows.length > 0 || (await hasOwnFailure(db, failure))
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
