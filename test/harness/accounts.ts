// Accounts with money and a key, and jobs for them.
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { createAccount } from '../../src/billing/accounts.ts'
import { createApiKey } from '../../src/billing/api-keys.ts'
import type { JobOutput } from '../../src/jobs/job.ts'
import { makeOutputBlobKey } from '../../src/jobs/outputs.ts'
import { type NewJob, submitJob } from '../../src/jobs/submit.ts'
import { newId } from '../../src/storage/ids.ts'
import type { Database } from '../../src/storage/postgres.ts'
import type { NewRunningJob } from './running-job.ts'

export interface TestAccount {
  readonly accountId: string
  readonly apiKeyId: string
  readonly key: string
}

export async function makeAccount(db: Database, creditsMicro = 1_000_000): Promise<TestAccount> {
  const accountId = await createAccount(db, { name: `account ${newId()}`, creditsMicro })
  const { id, key } = await createApiKey(db, { accountId, name: 'test' })
  return { accountId, apiKeyId: id, key }
}

export function makeJob(account: TestAccount, job: Partial<NewRunningJob> = {}): NewRunningJob {
  return {
    id: newId(),
    accountId: account.accountId,
    apiKeyId: account.apiKeyId,
    request: { text: 'Hello.' },
    holdMicro: 6400,
    leaseSeconds: 60,
    ttlHours: 1,
    ...job,
  }
}

/** A job for the queue. */
export function makeQueuedJob(account: TestAccount, job: Partial<NewJob> = {}): NewJob {
  return {
    id: newId(),
    accountId: account.accountId,
    apiKeyId: account.apiKeyId,
    mode: 'sync',
    request: { text: 'Hello.' },
    characters: 100,
    holdMicro: 6400,
    ttlHours: 1,
    maxAttempts: 3,
    ...job,
  }
}

export function makeOutput(jobId: string, bytes: Uint8Array = Buffer.from('audio')): JobOutput {
  return {
    blobKey: makeOutputBlobKey(jobId),
    mediaType: 'audio/wav',
    bytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    audioSeconds: 1.5,
  }
}

/** A job that has failed with its attempts used up, though no worker has ever seen it. Returns its id. */
export async function addDeadJob(db: Database, account: TestAccount): Promise<string> {
  const job = makeQueuedJob(account, { mode: 'async', maxAttempts: 1 })
  await db.transaction().execute(async (transaction) => {
    await submitJob(transaction, job)
    await sql`
      with dead as (
        update jobs set state = 'failed', attempts = 1, finished_at = now(),
          error_code = 'unavailable', error_message = 'Its worker is gone.'
        where id = ${job.id} returning account_id, hold_micro
      )
      update accounts set held_micro = held_micro - hold_micro from dead where id = account_id`.execute(transaction)
  })
  return job.id
}
