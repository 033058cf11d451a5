// A process that serves requests as a server does – submit, make the output, store it, complete – until it is killed. The parent sends
// MoneyRequests and gets MoneyAnswers. With the argument `split` it is the bad example: it charges in a second statement.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Completion, completeJob, failJob } from '../../src/jobs/finish.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { openDatabase, type PostgresConnection } from '../../src/storage/postgres.ts'
import { retryTransient } from '../../src/storage/transient.ts'
import { makeJob, makeOutput, type TestAccount } from './accounts.ts'
import { sha256Of } from './money-audit.ts'
import { startJob } from './running-job.ts'

export interface MoneyClientOptions {
  readonly connection: PostgresConnection
  readonly blobFolder: string
  readonly account: TestAccount
  readonly charge: 'with the output' | 'split'
}

export interface MoneyRequest {
  readonly idempotencyKey: string
}

/** `delivered` is undefined when the request has failed and may be sent again. */
export interface MoneyAnswer extends MoneyRequest {
  readonly delivered: { readonly jobId: string; readonly sha256: string } | undefined
}

// Longer than a request takes, shorter than a database restart under load may take: some processes come back to a lost lease.
const LEASE_SECONDS = 0.5
const CHARGE_MICRO = 6000

const options = JSON.parse(process.argv[2] ?? '') as MoneyClientOptions
const db = openDatabase(options.connection, { poolSize: 4 })
const blobs = createFileBlobs(options.blobFolder)

process.on('disconnect', () => process.exit())
process.on('message', (request: MoneyRequest) => {
  serve(request)
    .catch(() => undefined) // the bad example does not repeat its second statement
    .then((delivered) => process.send?.({ ...request, delivered } satisfies MoneyAnswer))
})
process.send?.('ready')
for (;;) {
  await retryTransient(() => requeueAbandonedJobs(db)).catch(() => {}) // the database is being restarted; the next one is soon
  await sleep(100)
}

async function serve({ idempotencyKey }: MoneyRequest): Promise<MoneyAnswer['delivered']> {
  const idempotency = { key: idempotencyKey, requestHash: idempotencyKey }
  const job = makeJob(options.account, { idempotency, leaseSeconds: LEASE_SECONDS })
  const submitted = await startJob(db, job)
  if (submitted.kind !== 'started') return deliver(submitted.job)
  const { leaseToken } = submitted
  await sleep(Math.random() * 20)
  if (Math.random() < 0.1) {
    await failJob(db, { id: job.id, leaseToken, code: 'unavailable', message: 'The engine has crashed.' })
    return undefined
  }
  const bytes = Buffer.from(`${job.id} ${leaseToken}`.repeat(20))
  const output = makeOutput(job.id, bytes)
  await blobs.put(output.blobKey, bytes)
  const completion = { id: job.id, leaseToken, chargeMicro: CHARGE_MICRO, output, result: {} }
  const completed =
    options.charge === 'split' ? await completeInTwoStatements(completion) : await completeJob(db, completion)
  if (completed) return { jobId: job.id, sha256: sha256Of(bytes) }
  await blobs.delete(output.blobKey)
  return undefined
}

/** The answer of a request whose key has been used: that job's output, as soon as there is one. */
async function deliver(job: Job): Promise<MoneyAnswer['delivered']> {
  let found: Job | undefined = job
  while (found?.state === 'running') {
    await sleep(20)
    found = await findJob(db, job.accountId, job.id)
  }
  if (found?.state !== 'completed') return undefined
  const bytes = await blobs.read(found.output.blobKey)
  return bytes && { jobId: found.id, sha256: sha256Of(bytes) }
}

/** What the money audit must notice: killed between the statements, the output is there and nobody has paid for it. */
async function completeInTwoStatements({ id, leaseToken, chargeMicro, output }: Completion): Promise<boolean> {
  const { rows } = await retryTransient(() =>
    sql`
      with job as (
        update jobs set
          state = 'completed', finished_at = now(), charge_micro = ${chargeMicro}, output_token = ${newId()},
          output_blob_key = ${output.blobKey}, output_media_type = ${output.mediaType}, output_bytes = ${output.bytes},
          output_sha256 = ${output.sha256}, output_audio_seconds = ${output.audioSeconds}
        where id = ${id} and lease_token = ${leaseToken} and state = 'running'
        returning account_id, hold_micro
      )
      update accounts set held_micro = held_micro - hold_micro from job where accounts.id = job.account_id
      returning accounts.id
    `.execute(db),
  )
  if (rows.length === 0) return false
  await sleep(20)
  await sql`
    with charge as (
      insert into ledger (account_id, kind, amount_micro, job_id)
      values (${options.account.accountId}, 'charge', ${-chargeMicro}, ${id})
    )
    update accounts set balance_micro = balance_micro - ${chargeMicro} where id = ${options.account.accountId}
  `.execute(db)
  return true
}
