// Tidying up behind dead processes and expired results. Any server may do it, as often as it likes.
import { sql } from 'kysely'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { findUploadBlobs, removeExpiredUploads, UPLOADS_FOLDER } from '../storage/uploads.ts'
import { OUTPUTS_FOLDER } from './outputs.ts'

const BATCH = 1000
const SWEEP_LOCK = 0x73776570
// A blob is written moments before the row that names it.
const ORPHAN_AFTER_MS = 3_600_000

/**
 * Fails the jobs whose lease has run out, because their process died or lost the database, and releases their holds. Returns how many.
 * One server at a time: two could otherwise lock the same accounts in opposite order.
 */
export async function failAbandonedJobs(db: Database): Promise<number> {
  const { rows } = await sql<{ jobs: number }>`
    with alone as materialized (
      select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as yes
    ), abandoned as (
      select id from jobs
      where state = 'running' and lease_until < now() and (select yes from alone)
      order by lease_until limit ${BATCH}
      for update skip locked
    ), failed as (
      update jobs set
        state = 'failed',
        finished_at = now(),
        error_code = 'unavailable',
        error_message = 'The server stopped while it worked on this request. Nothing was charged. Please send it again.'
      from abandoned where jobs.id = abandoned.id
      returning jobs.account_id, jobs.hold_micro
    ), released as (
      select account_id, sum(hold_micro)::bigint as micro, count(*)::int as jobs from failed group by account_id
    ), paid as (
      update accounts set held_micro = held_micro - released.micro
      from released where accounts.id = released.account_id
    )
    select coalesce(sum(jobs), 0)::int as jobs from released
  `.execute(db)
  return rows[0]?.jobs ?? 0
}

/** Removes jobs and uploads that have expired, then their blobs. Returns how many blobs. */
export async function removeExpired(db: Database, blobs: Blobs): Promise<number> {
  const keys = await removeExpiredUploads(db)
  for (let removed = BATCH; removed === BATCH; ) {
    const { rows } = await sql<{ blobKey: string | null }>`
      delete from jobs where id in (
        select id from jobs
        where expires_at <= now() and state not in ('queued', 'running')
        order by expires_at limit ${BATCH}
        for update skip locked
      )
      returning output_blob_key as "blobKey"
    `.execute(db)
    removed = rows.length
    keys.push(...rows.flatMap(({ blobKey }) => blobKey ?? []))
  }
  // Killed here, the blobs are orphans.
  for (const key of keys) await blobs.delete(key)
  return keys.length
}

/** Removes outputs and uploads that no row names: their process died before it could commit, or before it could delete them. */
export async function removeOrphanBlobs(
  db: Database,
  blobs: Blobs,
  olderThan = new Date(Date.now() - ORPHAN_AFTER_MS),
): Promise<number> {
  let removed = 0
  const removeUnnamed = async (keys: readonly string[]) => {
    if (keys.length === 0) return
    const named = await db.selectFrom('jobs').select('output_blob_key').where('output_blob_key', 'in', keys).execute()
    const outputs = new Set(named.map((row) => row.output_blob_key))
    const uploads = await findUploadBlobs(db, keys)
    for (const key of keys) {
      if (outputs.has(key) || uploads.has(key)) continue
      await blobs.delete(key)
      removed++
    }
  }
  for (const folder of [OUTPUTS_FOLDER, UPLOADS_FOLDER]) {
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
