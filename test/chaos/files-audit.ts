// Whether the blob store holds what the database names, and, once it was swept, nothing else.
import { sql } from 'kysely'
import { INPUTS_FOLDER, JOB_VOICES_FOLDER, OUTPUTS_FOLDER } from '../../src/jobs/outputs.ts'
import { PIECES_FOLDER } from '../../src/jobs/pieces.ts'
import { isDead } from '../../src/jobs/requeue.ts'
import { removeExpired, removeInputs, removeOrphanBlobs } from '../../src/jobs/sweep.ts'
import type { Blobs } from '../../src/storage/blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { VOICES_FOLDER } from '../../src/storage/stored-voices.ts'
import { UPLOADS_FOLDER } from '../../src/storage/uploads.ts'

const FOLDERS_OF_JOBS = [OUTPUTS_FOLDER, INPUTS_FOLDER, PIECES_FOLDER, JOB_VOICES_FOLDER]

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
  const rows = await findNamed(db)
  const named = new Set(rows.map(({ key }) => key))
  const stored = await findStored(blobs)
  const violations = [
    ...findMissing(rows, stored),
    ...[...stored].filter((key) => !named.has(key)).map((key) => `${key} belongs to nothing and was not swept away`),
    ...rows
      .filter(({ owner }) => owner.startsWith('input'))
      .map(({ owner }) => `the ${owner} has ended and its input stays`),
  ]
  return { violations, stored: stored.size, orphans }
}

/** Lets every job expire: its blobs go with it, and those that several jobs share with the last of them. */
export async function auditExpiry(db: Database, blobs: Blobs): Promise<string[]> {
  const [first] = await db.selectFrom('jobs').select('id').where('state', '=', 'completed').orderBy('id').execute()
  const violations: string[] = []
  for (const expired of [
    sql`id <= ${first?.id ?? ''}`,
    sql`mod(('x' || right(id, 4))::bit(16)::int, 2) = 0`,
    sql`true`,
  ]) {
    await sql`update jobs set expires_at = now() where ${expired}`.execute(db)
    await removeExpired(db, blobs)
    violations.push(...findMissing(await findNamed(db), await findStored(blobs)))
  }
  while ((await removeInputs(db, blobs)) > 0);
  for (const folder of FOLDERS_OF_JOBS)
    for await (const { key } of blobs.list(folder)) violations.push(`${key} has outlived every job`)
  return violations
}

interface Named {
  readonly key: string
  readonly owner: string
}

/** Several may name one. */
async function findNamed(db: Database): Promise<readonly Named[]> {
  const { rows } = await sql<Named>`
    select output_blob_key as key, 'output of job ' || id as owner from jobs where output_blob_key is not null
    union all select input_blob_key, case when ${isDead} then 'kept ' else '' end || 'input of job ' || id from jobs where input_blob_key is not null
    union all select voice_blob_key, 'voice of job ' || id from jobs where voice_blob_key is not null
    union all select blob_key, 'piece ' || index || ' of job ' || job_id from job_pieces
    union all select blob_key, 'upload' from uploads
    union all select blob_key, 'voice ' || name from voices
  `.execute(db)
  return rows
}

async function findStored(blobs: Blobs): Promise<ReadonlySet<string>> {
  const stored = new Set<string>()
  for (const folder of [...FOLDERS_OF_JOBS, UPLOADS_FOLDER, VOICES_FOLDER])
    for await (const { key } of blobs.list(folder)) stored.add(key)
  return stored
}

const findMissing = (named: readonly Named[], stored: ReadonlySet<string>): string[] =>
  named.filter(({ key }) => !stored.has(key)).map(({ key, owner }) => `the ${owner} is not stored: ${key}`)
