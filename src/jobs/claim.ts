// Taking jobs out of the queue, sync ones first, each mode in its fair order, and leasing them to a worker.
import { sql } from 'kysely'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import type { JobMode, Retention } from './job.ts'
import type { DonePart } from './pieces.ts'

export interface Claim {
  readonly workerId: string
  /** The most jobs to take. */
  readonly slots: number
  /** The most async ones among them. */
  readonly asyncSlots: number
  readonly leaseSeconds: number
}

/** A job as its worker sees it. */
export interface ClaimedJob {
  readonly id: string
  /** Whoever holds it may commit pieces, complete, fail or release the job, until the lease is lost. */
  readonly leaseToken: string
  readonly accountId: string
  readonly apiKeyId: string
  readonly mode: JobMode
  /** As it was given to `submitJob`. */
  readonly request: unknown
  readonly inputBlobKey: string | undefined
  /** The voice, encoded already: that of the request which this one was derived from. */
  readonly voiceBlobKey: string | undefined
  readonly holdMicro: number
  /** 1 the first time. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly stream: boolean
  readonly retention: Retention
  readonly createdAt: Date
  /** What earlier attempts have made, in order; of the last piece among them perhaps not all. */
  readonly parts: readonly DonePart[]
  /** How long it has waited since it was added or put back. */
  readonly queuedSeconds: number
}

/** Takes up to `slots` jobs. None: nothing waits whose time has come. */
export async function claimJobs(db: Database, claim: Claim): Promise<ClaimedJob[]> {
  if (claim.slots <= 0) return []
  // One token for all that this call takes: a job and its token together are what is fenced.
  const leaseToken = newId()
  let isRepeated = false
  return retryTransient(async () => {
    const known = isRepeated ? await findClaimed(db, leaseToken) : []
    isRepeated = true
    return known.length > 0 ? known : takeJobs(db, claim, leaseToken)
  })
}

const CLAIMED_JOB = sql`
  jobs.id, jobs.lease_token as "leaseToken", jobs.account_id as "accountId", jobs.api_key_id as "apiKeyId", jobs.mode, jobs.request,
  jobs.input_blob_key as "inputBlobKey", jobs.voice_blob_key as "voiceBlobKey", jobs.hold_micro as "holdMicro", jobs.attempts as attempt,
  jobs.max_attempts as "maxAttempts", jobs.stream, jobs.retention, jobs.created_at as "createdAt", jobs.turn,
  greatest(0, extract(epoch from now() - greatest(jobs.queued_at, jobs.run_at)))::float8 as "queuedSeconds"
`
// Only those that were tried before can have any.
const PARTS = sql`(
  select coalesce(json_agg(json_build_object(
    'index', index, 'part', part, 'isLast', is_last, 'blobKey', blob_key, 'samples', samples, 'sampleRate', sample_rate, 'guards', guards,
    'engineSeconds', engine_seconds, 'chargeMicro', charge_micro, 'model', model, 'version', version
  ) order by index, part), '[]'::json)
  from job_pieces where job_id = claimed.id
) as parts`

interface ClaimedRow extends Omit<ClaimedJob, 'inputBlobKey' | 'voiceBlobKey'> {
  readonly inputBlobKey: string | null
  readonly voiceBlobKey: string | null
  readonly turn: number
  readonly clock: number | null
}

const readClaimed = ({ turn: _turn, clock: _clock, inputBlobKey, voiceBlobKey, ...job }: ClaimedRow): ClaimedJob => ({
  ...job,
  inputBlobKey: inputBlobKey ?? undefined,
  voiceBlobKey: voiceBlobKey ?? undefined,
})

/**
 * Each of the four reads is the beginning of an index: retries whose time has come, then those in the order of their turns, of one mode and
 * then of the other; each takes what the ones before have left. None reads a row that it does not lock, other than those of other claims.
 */
async function takeJobs(db: Database, claim: Claim, leaseToken: string): Promise<ClaimedJob[]> {
  const { slots, asyncSlots } = claim
  const statement = sql<ClaimedRow>`
    with sync_retries as materialized (
      select id from jobs where state = 'queued' and mode = 'sync' and run_at <= now()
      order by run_at limit ${slots}::int for update skip locked
    ), sync_ready as materialized (
      select id from jobs where state = 'queued' and mode = 'sync' and run_at is null
      order by turn, id limit ${slots}::int - (select count(*) from sync_retries) for update skip locked
    ), async_free as materialized (
      select least(${asyncSlots}::int, ${slots}::int - (select count(*) from sync_retries) - (select count(*) from sync_ready)) as slots
    ), async_retries as materialized (
      select id from jobs where state = 'queued' and mode = 'async' and run_at <= now()
      order by run_at limit (select slots from async_free) for update skip locked
    ), async_ready as materialized (
      select id from jobs where state = 'queued' and mode = 'async' and run_at is null
      order by turn, id limit (select slots - (select count(*) from async_retries) from async_free) for update skip locked
    ), chosen as materialized (
      select id from sync_retries union all select id from sync_ready
      union all select id from async_retries union all select id from async_ready
    ), claimed as (
      update jobs set
        state = 'running', attempts = attempts + 1, lease_token = ${leaseToken},
        lease_until = now() + ${claim.leaseSeconds} * interval '1 second',
        started_at = coalesce(started_at, now()), worker_id = ${claim.workerId},
        model = (select model from workers where id = ${claim.workerId})
      where id = any (array(select id from chosen)) -- not a join: the planner takes a limit it cannot know for a tenth of the table
      returning ${CLAIMED_JOB}
    ), clock as materialized (
      select
        (select setval('jobs_sync_clock', greatest(max(turn), (select last_value from jobs_sync_clock)))
          from claimed where mode = 'sync' having count(*) > 0) as sync,
        (select setval('jobs_async_clock', greatest(max(turn), (select last_value from jobs_async_clock)))
          from claimed where mode = 'async' having count(*) > 0) as async
    )
    select claimed.*, coalesce(clock.sync, clock.async) as clock, ${PARTS}
    from claimed cross join clock
    order by claimed.mode desc, claimed.turn, claimed.id
  `
  return (await statement.execute(db)).rows.map(readClaimed)
}

/** What an earlier attempt has taken whose answer was lost. */
async function findClaimed(db: Database, leaseToken: string): Promise<ClaimedJob[]> {
  const statement = sql<ClaimedRow>`
    with claimed as (select ${CLAIMED_JOB} from jobs where state = 'running' and lease_token = ${leaseToken})
    select claimed.*, null as clock, ${PARTS} from claimed order by claimed.mode desc, claimed.turn, claimed.id
  `
  return (await statement.execute(db)).rows.map(readClaimed)
}
