// A job that is running already, leased to whoever asked for it: what a worker has after its claim, in one step.
import { sql } from 'kysely'
import { findAvailable, insufficientCredits, isShortage } from '../../src/billing/ledger.ts'
import { AppError, invariant } from '../../src/errors.ts'
import { type Job, readJob } from '../../src/jobs/job.ts'
import { newId } from '../../src/storage/ids.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { retryTransient } from '../../src/storage/transient.ts'

export interface NewRunningJob {
  /** 32 lower-case hex digits. */
  readonly id: string
  readonly accountId: string
  readonly apiKeyId: string
  /** Anything that JSON can hold. */
  readonly request: unknown
  /** The most that the job may cost. */
  readonly holdMicro: number
  /** Same key and hash: the same job. */
  readonly idempotency?: { readonly key: string; readonly requestHash: string } | undefined
  readonly leaseSeconds: number
  readonly ttlHours: number
}

export type Started =
  /** The caller has it now, and must complete or fail it with this token, or renew the lease in time. */
  | { readonly kind: 'started'; readonly leaseToken: string }
  /** Somebody else has it: another request with the same idempotency key. */
  | { readonly kind: 'running'; readonly job: Job }
  | { readonly kind: 'finished'; readonly job: Job }

/**
 * Adds the job in the state `running`, leased to the caller, and holds its price. With an idempotency key that has been used, returns that
 * job instead and holds nothing; a failed one does not count.
 * Throws AppError `insufficient_credits`, or `idempotency_conflict` when the key came with another request.
 */
export async function startJob(db: Database, job: NewRunningJob): Promise<Started> {
  invariant(Number.isSafeInteger(job.holdMicro) && job.holdMicro >= 0, `${job.holdMicro} is no amount of micro-dollars`)
  const leaseToken = newId()
  for (;;) {
    if (await retryTransient(() => addJob(db, job, leaseToken))) return { kind: 'started', leaseToken }
    const found = await retryTransient(() => findSame(db, job))
    if (!found) continue // the job with this key has failed in between, which frees the key
    if (found.id === job.id) {
      invariant(found.lease_token === leaseToken, `the job id ${job.id} was used before`)
      return { kind: 'started', leaseToken } // our own row: the answer to the first attempt was lost
    }
    if (found.request_hash !== job.idempotency?.requestHash) {
      throw new AppError(
        'idempotency_conflict',
        'This Idempotency-Key was used with another request. Use a new key for a new request.',
        { param: 'Idempotency-Key' },
      )
    }
    return { kind: found.state === 'running' ? 'running' : 'finished', job: readJob(found) }
  }
}

/** False when the id or the idempotency key is taken. */
async function addJob(db: Database, job: NewRunningJob, leaseToken: string): Promise<boolean> {
  const statement = sql`
    with job as (
      insert into jobs (
        id, account_id, api_key_id, state, request, hold_micro,
        idempotency_key, request_hash, lease_token, lease_until, expires_at, attempts, started_at
      ) values (
        ${job.id}, ${job.accountId}, ${job.apiKeyId}, 'running', ${JSON.stringify(job.request)}, ${job.holdMicro},
        ${job.idempotency?.key ?? null}, ${job.idempotency?.requestHash ?? null},
        ${leaseToken}, now() + ${job.leaseSeconds} * interval '1 second', now() + ${job.ttlHours} * interval '1 hour', 1, now()
      )
      on conflict do nothing
      returning account_id, hold_micro
    )
    update accounts set held_micro = held_micro + job.hold_micro
    from job where accounts.id = job.account_id
    returning accounts.id
  `
  try {
    return (await statement.execute(db)).rows.length > 0
  } catch (error) {
    if (!isShortage(error)) throw error
    throw insufficientCredits(await findAvailable(db, job.accountId), job.holdMicro, error)
  }
}

async function findSame(db: Database, job: NewRunningJob) {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where((where) =>
      where.or([
        where('id', '=', job.id),
        where.and([
          where('account_id', '=', job.accountId),
          where('idempotency_key', '=', job.idempotency?.key ?? null),
          where('state', 'not in', ['failed', 'cancelled']),
        ]),
      ]),
    )
    .executeTakeFirst()
}
