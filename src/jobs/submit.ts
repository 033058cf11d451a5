// Adding a job to the queue and holding its price, in one statement.
import { type Selectable, sql } from 'kysely'
import { findAvailable, insufficientCredits, isShortage } from '../billing/ledger.ts'
import { AppError, invariant } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import type { JobsTable } from '../storage/tables.ts'
import { retryTransient } from '../storage/transient.ts'
import { ATTENDED_SECONDS } from './attendance.ts'
import { type Job, type JobMode, type Retention, readJob } from './job.ts'
import { notifyQueued } from './notify.ts'
import { CLOCKS, TURNS } from './turns.ts'

export interface NewJob {
  /** 32 lower-case hex digits. */
  readonly id: string
  readonly accountId: string
  readonly apiKeyId: string
  readonly mode: JobMode
  /** An object that JSON can hold: all that a worker needs. Its `text` and `reference` are forgotten with retention `none`. */
  readonly request: object
  /** A blob that the worker needs and that goes when the job has ended. */
  readonly inputBlobKey?: string | undefined
  /** The size of the job: what the fair order and the usage count. */
  readonly characters: number
  /** The most that the job may cost. */
  readonly holdMicro: number
  /** Same key and hash: the same job. */
  readonly idempotency?: { readonly key: string; readonly requestHash: string } | undefined
  /** How long the job and its output are kept, unless its account has a time of its own. */
  readonly ttlHours: number
  /** Claims whose worker was lost or crashed, before the job is given up. */
  readonly maxAttempts: number
  readonly webhookUrl?: string | undefined
  /** Default: the account's. */
  readonly retention?: Retention | undefined
  /** Paid by the piece, with `commitPart`; `completeJob` then charges nothing. Default: false. */
  readonly stream?: boolean | undefined
  /** Begin with the pieces and the voice of a completed job of the account, which is not touched. */
  readonly derivedFrom?: DerivedFrom | undefined
  /** Refuse a sync job when as many wait already, of all accounts. Requests at the same time may each find the last place. */
  readonly maxQueuedSync?: number | undefined
  /** Refuse the job when its key has as many open ones, unless the key has a limit of its own. Exact, whoever else submits. */
  readonly maxOpenOfKey?: number | undefined
}

export interface DerivedFrom {
  readonly jobId: string
  /** The piece that is not taken over. */
  readonly exceptIndex: number
  /** How many are: when there are not as many, the job is refused. */
  readonly pieces: number
}

export type Submitted =
  | { readonly kind: 'added'; readonly job: Job }
  /** There is one with this idempotency key, in any state but failed or cancelled; nothing was added or held. */
  | { readonly kind: 'same'; readonly job: Job }

/**
 * Adds the job to the queue, holds its price and tells the workers. A sync job without an idempotency key is cancelled when nobody attends it
 * (attendance.ts).
 * Throws AppError `insufficient_credits`; `idempotency_conflict` when the key came with another request; `overloaded` when the queue is
 * full or the key is at its limit; `invalid_parameter` for a request with characters that no database text can hold; `pieces_unavailable` when
 * there is nothing to begin with any more.
 */
export async function submitJob(db: Database, job: NewJob): Promise<Submitted> {
  invariant(Number.isSafeInteger(job.holdMicro) && job.holdMicro >= 0, `${job.holdMicro} is no amount of micro-dollars`)
  for (;;) {
    const answer = await retryTransient(() => addJob(db, job))
    if (answer.kind === 'added') {
      notifyQueued(db, job.mode)
      return answer
    }
    const found = await retryTransient(() => findSame(db, job))
    if (found) return recognise(db, job, found)
    // Without a refusal the job with this key has ended in between, which frees the key.
    if (answer.kind === 'refused') throw answer.reason
  }
}

type Answer = { kind: 'added'; job: Job } | { kind: 'taken' } | { kind: 'refused'; reason: AppError }

async function addJob(db: Database, job: NewJob): Promise<Answer> {
  const { mode, characters } = job
  // Whoever has a key can come back with it.
  const isAttended = mode === 'sync' && job.idempotency === undefined
  const fullAt = mode === 'sync' ? (job.maxQueuedSync ?? null) : null
  // The account is locked first: the limit of a key is counted behind that lock, and an account's turns are in the order of its jobs.
  const statement = sql<
    Selectable<JobsTable> & { queue_is_full: boolean; key_is_full: boolean; source_is_gone: boolean }
  >`
    with account as materialized (
      select id, ${TURNS[mode]} as turn, retention, result_ttl_hours from accounts where id = ${job.accountId} for update
    ), source as materialized (${sourcePieces(job)}), room as materialized (
      select
        account.turn, account.retention, account.result_ttl_hours,
        ${fullAt}::int is not null and (
          select count(*) from (select from jobs where state = 'queued' and mode = 'sync' and run_at is null limit ${fullAt}::int) as waiting
        ) >= ${fullAt}::int as queue_is_full,
        max_open is not null and count_open_jobs(key.id, max_open) >= max_open as key_is_full,
        (select count(*) from source where is_last) <> ${job.derivedFrom?.pieces ?? 0} as source_is_gone
      from account
      join (
        select id, account_id, coalesce(max_concurrent, ${job.maxOpenOfKey ?? null}::int) as max_open
        from api_keys where id = ${job.apiKeyId}
      ) as key on key.account_id = account.id
    ), job as (
      insert into jobs (
        id, account_id, api_key_id, state, mode, request, input_blob_key, characters, turn, hold_micro,
        idempotency_key, request_hash, expires_at, max_attempts, webhook_url, retention, stream, attended_until, voice_blob_key
      )
      select
        ${job.id}, ${job.accountId}, ${job.apiKeyId}, 'queued', ${mode}, ${JSON.stringify(job.request)},
        ${job.inputBlobKey ?? null}, ${characters},
        greatest(turn, (select last_value from ${CLOCKS[mode]})) + greatest(1, ${characters}::int),
        ${job.holdMicro}, ${job.idempotency?.key ?? null}, ${job.idempotency?.requestHash ?? null},
        now() + coalesce(result_ttl_hours, ${job.ttlHours}::int) * interval '1 hour', ${job.maxAttempts}, ${job.webhookUrl ?? null},
        coalesce(${job.retention ?? null}::text, retention), ${job.stream ?? false},
        case when ${isAttended} then now() + ${ATTENDED_SECONDS} * interval '1 second' else 'infinity' end,
        (select max(voice_blob_key) from source)
      from room where not queue_is_full and not key_is_full and not source_is_gone
      on conflict do nothing
      returning *
    ), taken_over as (
      insert into job_pieces (job_id, index, part, is_last, blob_key, samples, sample_rate, guards, engine_seconds, model, version)
      select job.id, index, part, is_last, blob_key, samples, sample_rate, guards, 0, source.model, version from job cross join source
    ), held as (
      update accounts set held_micro = held_micro + job.hold_micro, ${TURNS[mode]} = job.turn
      from job where accounts.id = job.account_id
    )
    select job.*, room.queue_is_full, room.key_is_full, room.source_is_gone from room left join job on true
  `
  try {
    const row = (await statement.execute(db)).rows[0]
    invariant(row, `account ${job.accountId} has no API key ${job.apiKeyId}`)
    if (row.id !== null) return { kind: 'added', job: readJob(row) }
    if (row.key_is_full)
      return { kind: 'refused', reason: overloaded('This API key is at its limit of open requests.') }
    if (row.source_is_gone) return { kind: 'refused', reason: new AppError('pieces_unavailable', PIECES_GONE) }
    if (row.queue_is_full) return { kind: 'refused', reason: overloaded('The server is at its limit of requests.') }
    return { kind: 'taken' }
  } catch (error) {
    if (isUnstorable(error)) throw unstorable(error)
    if (!isShortage(error)) throw error
    throw insufficientCredits(await findAvailable(db, job.accountId), job.holdMicro, error)
  }
}

const PIECES_GONE = 'The pieces of this request are no longer there. Send the text again.'

/** The pieces that the job begins with. Locked, so that none is swept away before it has a second row. */
const sourcePieces = ({ derivedFrom, accountId }: NewJob) => sql`
  select index, part, is_last, blob_key, samples, sample_rate, guards, job_pieces.model, version, voice_blob_key
  from job_pieces join jobs on jobs.id = job_pieces.job_id
  where job_id = ${derivedFrom?.jobId ?? null}::text and index <> ${derivedFrom?.exceptIndex ?? null}::int
    and jobs.account_id = ${accountId} and state = 'completed' and expires_at > now()
  for key share of job_pieces
`

const overloaded = (message: string): AppError =>
  new AppError('overloaded', `${message} Try again shortly.`, { retryAfterSeconds: 1 })

/** JSON may name U+0000 and halves of surrogate pairs; jsonb refuses both. */
const isUnstorable = (error: unknown): boolean => ['22P05', '22P02'].includes((error as { code?: string }).code ?? '')
const unstorable = (cause: unknown): AppError =>
  new AppError(
    'invalid_parameter',
    'The request holds characters that are no text (U+0000 or half a surrogate pair).',
    {
      cause,
    },
  )

async function recognise(db: Database, job: NewJob, found: Selectable<JobsTable>): Promise<Submitted> {
  if (found.id === job.id) {
    invariant(found.account_id === job.accountId, `the job id ${job.id} was used before`)
    notifyQueued(db, job.mode) // our own row: the answer to the first attempt was lost
    return { kind: 'added', job: readJob(found) }
  }
  if (found.request_hash === job.idempotency?.requestHash) return { kind: 'same', job: readJob(found) }
  throw new AppError(
    'idempotency_conflict',
    'This Idempotency-Key was used with another request. Use a new key for a new request.',
    { param: 'Idempotency-Key' },
  )
}

/** By our id, or by the idempotency key. A result that has expired gives its key back, were it not swept yet. */
async function findSame(db: Database, job: NewJob): Promise<Selectable<JobsTable> | undefined> {
  const found = await db
    .selectFrom('jobs')
    .selectAll()
    .select(sql<boolean>`state = 'completed' and expires_at <= now()`.as('is_expired'))
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
  if (!found?.is_expired || found.id === job.id) return found
  await db
    .updateTable('jobs')
    .set({ idempotency_key: null, request_hash: null })
    .where('id', '=', found.id)
    .where('expires_at', '<=', sql<Date>`now()`)
    .execute()
  return undefined
}

/** Whether submitJob() with this idempotency key would find a job. */
export async function hasJobOfKey(db: Database, accountId: string, key: string | undefined): Promise<boolean> {
  if (key === undefined) return false
  const found = await retryTransient(() =>
    db
      .selectFrom('jobs')
      .select('id')
      .where('account_id', '=', accountId)
      .where('idempotency_key', '=', key)
      .where('state', 'not in', ['failed', 'cancelled'])
      .executeTakeFirst(),
  )
  return found !== undefined
}
