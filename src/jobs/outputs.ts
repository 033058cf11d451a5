// Where the input and output of a job are kept, and how an output is found by its public name.
import { sql } from 'kysely'
import type { Blobs } from '../storage/blobs.ts'
import { isId, newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import type { Retention } from './job.ts'

export const OUTPUTS_FOLDER = 'outputs'

/** A new key for each attempt: one that has lost its lease can delete its own blob and never touches the winner's. */
export function makeOutputBlobKey(jobId: string): string {
  return `${OUTPUTS_FOLDER}/${jobId.slice(0, 2)}/${jobId}-${newId().slice(0, 8)}`
}

export const JOB_VOICES_FOLDER = 'job-voices'

/** Where the encoded voice of a job is kept. */
export function makeVoiceBlobKey(jobId: string): string {
  return `${JOB_VOICES_FOLDER}/${jobId.slice(0, 2)}/${jobId}-${newId().slice(0, 8)}`
}

export const INPUTS_FOLDER = 'inputs'

/** Where the recording that came with a request waits for its worker. */
export function makeInputBlobKey(jobId: string): string {
  return `${INPUTS_FOLDER}/${jobId.slice(0, 2)}/${jobId}-${newId().slice(0, 8)}`
}

export interface FoundOutput {
  readonly jobId: string
  readonly accountId: string
  readonly blobKey: string
  readonly mediaType: string
  readonly bytes: number
  readonly sha256: string
  readonly retention: Retention
  readonly expiresAt: Date
}

/** undefined: there is none, or it has expired. The token is the permission. */
export async function findOutput(db: Database, outputToken: string): Promise<FoundOutput | undefined> {
  if (!isId(outputToken)) return undefined
  return retryTransient(() =>
    db
      .selectFrom('jobs')
      .select(['id as jobId', 'account_id as accountId', 'retention', 'expires_at as expiresAt'])
      .select((column) => [
        column.ref('output_blob_key').$notNull().as('blobKey'),
        column.ref('output_media_type').$notNull().as('mediaType'),
        column.ref('output_bytes').$notNull().as('bytes'),
        column.ref('output_sha256').$notNull().as('sha256'),
      ])
      .where('output_token', '=', outputToken)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirst(),
  )
}

/** The latest job of the account whose output is, byte for byte, the content with this hash; undefined when there is none any more. */
export async function findJobOfOutput(db: Database, accountId: string, sha256: string): Promise<string | undefined> {
  const job = await retryTransient(() =>
    db
      .selectFrom('jobs')
      .select('id')
      .where('account_id', '=', accountId)
      .where('output_sha256', '=', sha256)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy('created_at', 'desc')
      .limit(1)
      .executeTakeFirst(),
  )
  return job?.id
}

/** For retention `none`: a completed job and its output are not found from now on, and the bytes are gone. Nothing for any other job. */
export async function forgetOutput(db: Database, blobs: Blobs, jobId: string): Promise<void> {
  const forgotten = await retryTransient(() =>
    db
      .updateTable('jobs')
      .set({ expires_at: sql<Date>`now()` })
      .where('id', '=', jobId)
      .where('state', '=', 'completed')
      .where('retention', '=', 'none')
      .returning('output_blob_key as blobKey')
      .execute(),
  )
  for (const { blobKey } of forgotten) if (blobKey !== null) await blobs.delete(blobKey)
}
