// Voices that accounts keep. Owns the table voices and the blobs below `stored-voices/`. What makes a recording fit to be one, it does not know.
import { type Selectable, type SelectQueryBuilder, sql } from 'kysely'
import type { Blobs } from './blobs.ts'
import { isId, newId } from './ids.ts'
import type { Database } from './postgres.ts'
import type { Tables } from './tables.ts'
import { retryTransient } from './transient.ts'
import { violatedConstraint } from './violations.ts'

/** Not `voices`: that is the cache of encoded ones, which may be in the same place. */
export const VOICES_FOLDER = 'stored-voices'
const CONTENT = 'voices_content'

/** What would make a voice better, and how. */
export interface VoiceRemark {
  readonly kind: string
  readonly advice: string
}

/** Where in a recording the excerpt is that is kept; seconds. */
export interface Excerpt {
  readonly seconds: number
  readonly sentSeconds: number
  readonly startSeconds: number
}

export type VoiceContent =
  | ({ readonly kind: 'recording' } & Excerpt)
  /** A voice file, and what it was made by. */
  | { readonly kind: 'encoded'; readonly model: string; readonly version: string }

export interface NewStoredVoice {
  readonly accountId: string
  readonly name: string
  readonly description: string | null
  /** What whoever adds it has declared. */
  readonly consent: string
  /** Of the file as it was sent, 64 hex digits. */
  readonly sha256: string
  readonly content: VoiceContent
  readonly checks: readonly VoiceRemark[]
  /** What is kept: an excerpt as FLAC, or a voice file. */
  readonly bytes: Uint8Array
}

export interface StoredVoice extends Omit<NewStoredVoice, 'bytes'> {
  readonly id: string
  readonly consentAt: Date
  readonly createdAt: Date
  readonly blobKey: string
  /** Size of the blob. */
  readonly bytes: number
}

export type AddedVoice =
  | { readonly kind: 'added' | 'same'; readonly voice: StoredVoice }
  /** The account has as many as it may. */
  | { readonly kind: 'full' }

/**
 * Stores the bytes, then the record: durable when it resolves. The same file under the same name is the voice that is there already, so that
 * whoever got no answer may ask again. `maxVoices` holds however many are added at once.
 */
export async function addVoice(
  db: Database,
  blobs: Blobs,
  voice: NewStoredVoice,
  maxVoices: number,
): Promise<AddedVoice> {
  const id = newId()
  const blobKey = `${VOICES_FOLDER}/${id.slice(0, 2)}/${id}`
  await blobs.put(blobKey, voice.bytes)
  const added = await retryTransient(() => insertVoice(db, id, blobKey, voice, maxVoices)).catch(async (error) => {
    await blobs.delete(blobKey).catch(() => {}) // else an orphan, to be swept
    throw error
  })
  if (added.kind !== 'added') await blobs.delete(blobKey)
  return added
}

function insertVoice(
  db: Database,
  id: string,
  blobKey: string,
  { accountId, name, description, consent, sha256, content, checks, bytes }: NewStoredVoice,
  maxVoices: number,
): Promise<AddedVoice> {
  const isRecording = content.kind === 'recording'
  return db.transaction().execute(async (transaction) => {
    // Two that are added at once would each count the other as not there.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`voices ${accountId}`}, 0))`.execute(transaction)
    const known = await ofAccount(transaction, accountId).execute()
    const same = known.find((row) => row.sha256 === sha256 && row.name === name)
    // Its own id: a try of this statement whose answer was lost.
    if (same) return { kind: same.id === id ? 'added' : 'same', voice: readRow(same) }
    if (known.length >= maxVoices) return { kind: 'full' }
    const row = await transaction
      .insertInto('voices')
      .values({
        id,
        account_id: accountId,
        name,
        description,
        consent,
        kind: content.kind,
        sha256,
        blob_key: blobKey,
        bytes: bytes.byteLength,
        seconds: isRecording ? content.seconds : null,
        sent_seconds: isRecording ? content.sentSeconds : null,
        start_seconds: isRecording ? content.startSeconds : null,
        checks: JSON.stringify(checks),
        model: isRecording ? null : content.model,
        version: isRecording ? null : content.version,
        deleted_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return { kind: 'added', voice: readRow(row) }
  })
}

/** The voice of the account that this very file is already, under this name. */
export async function findSameVoice(
  db: Database,
  accountId: string,
  sha256: string,
  name: string,
): Promise<StoredVoice | undefined> {
  const row = await retryTransient(() =>
    ofAccount(db, accountId).where('sha256', '=', sha256).where('name', '=', name).executeTakeFirst(),
  )
  return row && readRow(row)
}

/** undefined: there is none, or it is another account's. */
export async function findVoice(db: Database, accountId: string, id: string): Promise<StoredVoice | undefined> {
  if (!isId(id)) return undefined
  const row = await retryTransient(() => ofAccount(db, accountId).where('id', '=', id).executeTakeFirst())
  return row && readRow(row)
}

/** Newest first; `before`: only those that are older than this one. */
export async function listVoices(
  db: Database,
  accountId: string,
  { before, limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<StoredVoice[]> {
  if (before !== undefined && !isId(before)) return []
  const rows = await retryTransient(() =>
    ofAccount(db, accountId)
      .$if(before !== undefined, (query) =>
        query.where(
          sql<boolean>`(created_at, id) < (select created_at, id from voices where id = ${before} and account_id = ${accountId})`,
        ),
      )
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute(),
  )
  return rows.map(readRow)
}

export interface VoiceChanges {
  readonly name?: string | undefined
  /** null takes it away. */
  readonly description?: string | null | undefined
}

/** `taken`: the account has the same recording under that name. undefined: there is no such voice. */
export async function changeVoice(
  db: Database,
  accountId: string,
  id: string,
  { name, description }: VoiceChanges,
): Promise<StoredVoice | 'taken' | undefined> {
  if (!isId(id)) return undefined
  const changes = { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }) }
  if (Object.keys(changes).length > 0) {
    try {
      await retryTransient(() =>
        db
          .updateTable('voices')
          .set(changes)
          .where('id', '=', id)
          .where('account_id', '=', accountId)
          .where('deleted_at', 'is', null)
          .execute(),
      )
    } catch (error) {
      if (violatedConstraint(error) === CONTENT) return 'taken'
      throw error
    }
  }
  return findVoice(db, accountId, id)
}

/** From now on nobody can name it; jobs that already do still read it. False: there is none. */
export async function deleteVoice(db: Database, accountId: string, id: string): Promise<boolean> {
  if (!isId(id)) return false
  const { numUpdatedRows } = await retryTransient(() =>
    db
      .updateTable('voices')
      .set({ deleted_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .where('deleted_at', 'is', null)
      .executeTakeFirst(),
  )
  return numUpdatedRows > 0n
}

/** The bytes of a voice, deleted or not, for a job that was submitted when it was there. undefined: they are gone. */
export async function readVoiceBytes(
  db: Database,
  blobs: Blobs,
  accountId: string,
  id: string,
): Promise<Uint8Array | undefined> {
  if (!isId(id)) return undefined
  const row = await retryTransient(() =>
    db
      .selectFrom('voices')
      .select('blob_key')
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .executeTakeFirst(),
  )
  return row && (await blobs.read(row.blob_key))
}

export interface DeletedVoice {
  readonly id: string
  readonly accountId: string
  readonly blobKey: string
}

/** Those whose blobs are still there, oldest first. */
export function findDeletedVoices(db: Database, limit: number): Promise<DeletedVoice[]> {
  return db
    .selectFrom('voices')
    .select(['id', 'account_id as accountId', 'blob_key as blobKey'])
    .where('deleted_at', 'is not', null)
    .orderBy('deleted_at')
    .limit(limit)
    .execute()
}

/** Forgets a deleted voice: blob, then row, so that what is left of a killed process is found again. */
export async function purgeVoice(db: Database, blobs: Blobs, { id, blobKey }: DeletedVoice): Promise<void> {
  await blobs.delete(blobKey)
  await db.deleteFrom('voices').where('id', '=', id).where('deleted_at', 'is not', null).execute()
}

/** Which of `blobKeys` belong to a voice. */
export async function findVoiceBlobs(db: Database, blobKeys: readonly string[]): Promise<Set<string>> {
  const rows = await db.selectFrom('voices').select('blob_key').where('blob_key', 'in', blobKeys).execute()
  return new Set(rows.map((row) => row.blob_key))
}

type Row = Selectable<Tables['voices']>

const ofAccount = (db: Database, accountId: string): SelectQueryBuilder<Tables, 'voices', Row> =>
  db.selectFrom('voices').selectAll().where('account_id', '=', accountId).where('deleted_at', 'is', null)

function readRow(row: Row): StoredVoice {
  const { id, name, description, consent, sha256, bytes, seconds, model, version } = row
  const content: VoiceContent =
    row.kind === 'encoded'
      ? { kind: 'encoded', model: model ?? '', version: version ?? '' } // neither is null: the table holds it
      : {
          kind: 'recording',
          seconds: seconds ?? 0,
          sentSeconds: row.sent_seconds ?? 0,
          startSeconds: row.start_seconds ?? 0,
        }
  return {
    id,
    accountId: row.account_id,
    name,
    description,
    consent,
    consentAt: row.consent_at,
    createdAt: row.created_at,
    sha256,
    blobKey: row.blob_key,
    bytes,
    checks: row.checks as VoiceRemark[],
    content,
  }
}
