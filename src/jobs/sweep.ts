// Tidying up behind dead processes and expired results. Any server may do it, as often as it likes.
import { sql } from 'kysely'
import type { Log } from '../log.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import {
  type DeletedVoice,
  findDeletedVoices,
  findVoiceBlobs,
  purgeVoice,
  VOICES_FOLDER,
} from '../storage/stored-voices.ts'
import { retryTransient } from '../storage/transient.ts'
import { findUploadBlobs, removeExpiredUploads, UPLOADS_FOLDER } from '../storage/uploads.ts'
import type { JobMode, Retention } from './job.ts'
import { giveBack } from './lease.ts'
import { notifyChanged, notifyQueued } from './notify.ts'
import { INPUTS_FOLDER, JOB_VOICES_FOLDER, OUTPUTS_FOLDER } from './outputs.ts'
import { PIECES_FOLDER } from './pieces.ts'
import { isDead } from './requeue.ts'
import { settlement } from './settlement.ts'

const BATCH = 1000
/** Held by whoever ends jobs of other processes. */
export const SWEEP_LOCK = 0x73776570
// A blob is written moments before the row that names it.
const ORPHAN_AFTER_MS = 3_600_000
// As long as a lease, which a worker renews as often as it says that it is there.
const SEEN_WITHIN = '15 seconds'
const LIVING_GET = '10 seconds'
const PIECES_KEPT_FOR = '10 minutes'

/** Of a row of jobs. */
const isAbandoned = sql`(
  state = 'running' and lease_until < now() and (lease_until < now() - ${LIVING_GET}::interval or not exists (
    select from workers where workers.id = jobs.worker_id and seen_at > now() - ${SEEN_WITHIN}::interval
  ))
)`

export interface Requeued {
  readonly id: string
  readonly mode: JobMode
  readonly state: 'queued' | 'cancelled' | 'failed'
}

/**
 * Ends the leases that have run out, because their process died or lost the database: the job waits again, a little longer after each
 * attempt (1 s, 2 s, 4 s … 30 s), has failed when its attempts are used up, or is cancelled where that was asked for. Tells those who wait.
 * A worker that was seen a moment ago lives and can still renew what it has let run out: it gets ten seconds for it. One process at a time: two
 * could otherwise lock the same accounts in opposite order. `id`: of this job alone.
 */
export async function requeueAbandonedJobs(db: Database, id?: string): Promise<readonly Requeued[]> {
  const statement = sql<Requeued>`
    with alone as materialized (
      select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as yes
    ), abandoned as materialized (
      select id from jobs
      where ${isAbandoned} and id = coalesce(${id ?? null}::text, id) and (select yes from alone)
      order by lease_until limit ${BATCH}
      for update skip locked
    ), swept as (
      update jobs set ${giveBack({ countAttempt: true, delay: sql`least(30, 2 ^ least(attempts, 8) / 2) * interval '1 second'` })}
      where id = any (array(select id from abandoned))
      returning jobs.*
    ), ended as (
      select * from swept where state <> 'queued'
    ), ${settlement}
    select id, mode, state from swept cross join (select count(*) from settled) as accounts
  `
  // Not repeated: when the database is back after a while, those who live shall be first.
  const { rows } = await statement.execute(db)
  for (const { id, mode, state } of rows) {
    if (state === 'queued') notifyQueued(db, mode)
    notifyChanged(db, id)
  }
  return rows
}

/** The ids of those that `requeueAbandonedJobs` would take. */
export async function findAbandonedJobs(db: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from jobs where ${isAbandoned} order by lease_until limit ${BATCH}
  `.execute(db)
  return rows.map(({ id }) => id)
}

/** Removes jobs and uploads that have expired, then their blobs. Returns how many blobs. */
export async function removeExpired(db: Database, blobs: Blobs): Promise<number> {
  const keys = await removeExpiredUploads(db)
  for (let removed = BATCH; removed === BATCH; ) {
    const { rows } = await sql<{ blobKeys: (string | null)[] }>`
      with expired as materialized (
        select id from jobs
        where expires_at <= now() and state not in ('queued', 'running')
        order by expires_at limit ${BATCH}
        for update skip locked
      ), pieces as (
        delete from job_pieces using expired where job_id = expired.id returning job_id, blob_key
      ), gone as (
        delete from jobs using expired where jobs.id = expired.id returning jobs.id, input_blob_key, output_blob_key, voice_blob_key
      )
      select array[input_blob_key, output_blob_key, voice_blob_key] || array(select blob_key from pieces where job_id = gone.id) as "blobKeys"
      from gone
    `.execute(db)
    removed = rows.length
    keys.push(...rows.flatMap(({ blobKeys }) => blobKeys.flatMap((key) => key ?? [])))
  }
  return deleteUnnamed(db, blobs, keys)
}

/**
 * Deletes the blobs of rows that are gone, but for those that another job names: it may share pieces and voice with the one that it was
 * derived from. Asked after the rows are gone, because nobody can begin to share them then. Killed in between, the blobs are orphans. Returns
 * how many.
 */
async function deleteUnnamed(db: Database, blobs: Blobs, keys: readonly string[]): Promise<number> {
  let deleted = 0
  for (let at = 0; at < keys.length; at += BATCH) {
    const batch = keys.slice(at, at + BATCH)
    const named = await findJobBlobs(db, batch)
    for (const key of batch) {
      if (named.has(key)) continue
      await blobs.delete(key)
      deleted++
    }
  }
  return deleted
}

/**
 * Removes the recordings that came with requests which have ended, or with the one request `id`; those of dead jobs stay as long as the jobs,
 * to be tried again with. Returns how many.
 */
export async function removeInputs(db: Database, blobs: Blobs, id?: string): Promise<number> {
  const ended = await db
    .selectFrom('jobs')
    .select(['id', 'input_blob_key as blobKey'])
    .where('input_blob_key', 'is not', null)
    .where('state', 'in', ['completed', 'failed', 'cancelled'])
    .where(sql<boolean>`not ${isDead}`)
    .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
    .limit(BATCH)
    .execute()
  if (ended.length === 0) return 0
  for (const { blobKey } of ended) if (blobKey !== null) await blobs.delete(blobKey)
  const ids = ended.map(({ id }) => id)
  await db.updateTable('jobs').set({ input_blob_key: null }).where('id', 'in', ids).execute()
  return ended.length
}

/**
 * Removes at once the recording of a job of retention `none`, where the job has ended. Never rejects: what is not removed here, the next sweep
 * removes.
 */
export async function forgetInput(
  { db, blobs, log }: { readonly db: Database; readonly blobs: Blobs; readonly log: Log },
  { id, retention }: { readonly id: string; readonly retention: Retention },
): Promise<void> {
  if (retention !== 'none') return
  await removeInputs(db, blobs, id).catch((err) =>
    log.warn({ err, requestId: id }, 'a recording was not removed with its request; the next sweep does it'),
  )
}

/**
 * Removes the pieces of jobs that ended ten minutes ago: by then nobody is still being sent them. Those of asynchronous requests stay as long
 * as the result, to be played and spoken again one by one, and those of a stream with an idempotency key, because a replay is made of them.
 * Returns how many.
 */
export async function removeOldPieces(db: Database, blobs: Blobs): Promise<number> {
  const { rows } = await sql<{ blobKey: string }>`
    delete from job_pieces where (job_id, index) in (
      select job_id, index from job_pieces join jobs on jobs.id = job_pieces.job_id
      where finished_at < now() - ${PIECES_KEPT_FOR}::interval
        and not (stream and state = 'completed' and idempotency_key is not null and expires_at > now())
        and not (mode = 'async' and state = 'completed' and retention = 'normal' and expires_at > now())
      limit ${BATCH}
    )
    returning blob_key as "blobKey"
  `.execute(db)
  await deleteUnnamed(
    db,
    blobs,
    rows.map(({ blobKey }) => blobKey),
  )
  return rows.length
}

/** Forgets the voices that were deleted and that no open job names. Returns how many. */
export async function removeDeletedVoices(db: Database, blobs: Blobs): Promise<number> {
  let removed = 0
  for (const voice of await findDeletedVoices(db, BATCH)) {
    if (await isVoiceNeeded(db, voice)) continue
    await purgeVoice(db, blobs, voice)
    removed++
  }
  return removed
}

/** Open jobs have indexes of their own by state. */
async function isVoiceNeeded(db: Database, { id, accountId }: DeletedVoice): Promise<boolean> {
  const ofState = (state: string) => sql`
    select 1 from jobs
    where state = ${sql.lit(state)} and account_id = ${accountId} and request->>'reference' = ${`voice:${id}`}`
  const { rows } = await retryTransient(() =>
    sql<{ isNeeded: boolean }>`
      select exists (${ofState('queued')}) or exists (${ofState('running')}) as "isNeeded"
    `.execute(db),
  )
  return rows[0]?.isNeeded ?? true
}

/** Removes blobs that no row names: their process died before it could commit, or before it could delete them. */
export async function removeOrphanBlobs(
  db: Database,
  blobs: Blobs,
  olderThan = new Date(Date.now() - ORPHAN_AFTER_MS),
): Promise<number> {
  let removed = 0
  const removeUnnamed = async (keys: readonly string[]) => {
    if (keys.length === 0) return
    const ofJobs = await findJobBlobs(db, keys)
    const uploads = await findUploadBlobs(db, keys)
    const voices = await findVoiceBlobs(db, keys)
    for (const key of keys) {
      if (ofJobs.has(key) || uploads.has(key) || voices.has(key)) continue
      await blobs.delete(key)
      removed++
    }
  }
  for (const folder of [
    OUTPUTS_FOLDER,
    INPUTS_FOLDER,
    PIECES_FOLDER,
    JOB_VOICES_FOLDER,
    UPLOADS_FOLDER,
    VOICES_FOLDER,
  ]) {
    let batch: string[] = []
    for await (const blob of blobs.list(folder)) {
      if (blob.modifiedAt > olderThan) continue
      batch.push(blob.key)
      if (batch.length < BATCH) continue
      await removeUnnamed(batch)
      batch = []
    }
    await removeUnnamed(batch)
  }
  return removed
}

/** Which of `blobKeys` belong to a job. */
async function findJobBlobs(db: Database, blobKeys: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ blobKey: string }>`
    with keys as (select unnest(${blobKeys}::text[]) as blob_key)
    select blob_key as "blobKey" from jobs join keys on output_blob_key = blob_key
    union select blob_key from jobs join keys on input_blob_key = blob_key
    union select blob_key from jobs join keys on voice_blob_key = blob_key
    union select blob_key from job_pieces join keys using (blob_key)
  `.execute(db)
  return new Set(rows.map(({ blobKey }) => blobKey))
}
