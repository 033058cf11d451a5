// Whether the blob store holds what the database names, and, once it was swept, nothing else.
import { sql } from 'kysely'
import { INPUTS_FOLDER, JOB_VOICES_FOLDER, OUTPUTS_FOLDER } from '../../src/jobs/outputs.ts'
import { PIECES_FOLDER } from '../../src/jobs/pieces.ts'
import { isDead } from '../../src/jobs/requeue.ts'
import { removeInputs, removeOrphanBlobs } from '../../src/jobs/sweep.ts'
import type { Blobs } from '../../src/storage/blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { UPLOADS_FOLDER } from '../../src/storage/uploads.ts'

export interface FilesAudit {
  readonly violations: readonly string[]
  readonly stored: number
  /** Left by what was killed between a blob and the row that names it; swept away by then. */
  readonly orphans: number
}

/** A dead job keeps its input: it may be requeued. Sweeps as the product does, but for the age that an orphan must have: nothing may be at work. */
export async function auditFiles(db: Database, blobs: Blobs): Promise<FilesAudit> {
  while ((await removeInputs(db, blobs)) > 0);
  const orphans = await removeOrphanBlobs(db, blobs, new Date(Date.now() + 60_000))
  const { rows } = await sql<{ key: string; owner: string }>`
    select output_blob_key as key, 'output of job ' || id as owner from jobs where output_blob_key is not null
    union all select input_blob_key, case when ${isDead} then 'kept ' else '' end || 'input of job ' || id from jobs where input_blob_key is not null
    union all select voice_blob_key, 'voice of job ' || id from jobs where voice_blob_key is not null
    union all select blob_key, 'piece ' || index || ' of job ' || job_id from job_pieces
    union all select blob_key, 'upload' from uploads
  `.execute(db)
  const named = new Map(rows.map(({ key, owner }) => [key, owner]))
  const stored = new Set<string>()
  for (const folder of [OUTPUTS_FOLDER, INPUTS_FOLDER, PIECES_FOLDER, JOB_VOICES_FOLDER, UPLOADS_FOLDER])
    for await (const { key } of blobs.list(folder)) stored.add(key)
  const violations = [
    ...[...named].filter(([key]) => !stored.has(key)).map(([key, owner]) => `the ${owner} is not stored: ${key}`),
    ...[...stored].filter((key) => !named.has(key)).map((key) => `${key} belongs to nothing and was not swept away`),
    ...rows
      .filter(({ owner }) => owner.startsWith('input'))
      .map(({ owner }) => `the ${owner} has ended and its input stays`),
  ]
  return { violations, stored: stored.size, orphans }
}
