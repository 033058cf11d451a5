// Files that callers send ahead and then name by URL. Owns the table uploads and the blobs below `uploads/`.
import { sql } from 'kysely'
import type { Blobs } from './blobs.ts'
import { isId, newId } from './ids.ts'
import type { Database } from './postgres.ts'
import { retryTransient } from './transient.ts'

export const UPLOADS_FOLDER = 'uploads'

export interface NewUpload {
  readonly accountId: string
  readonly mediaType: string
  readonly bytes: Uint8Array
  readonly expiresAt: Date
}

export interface Upload {
  readonly token: string
  readonly accountId: string
  readonly blobKey: string
  readonly mediaType: string
  readonly bytes: number
  readonly expiresAt: Date
}

/** Stores the bytes, then the record: durable when it resolves. The token is the upload's public, unguessable name. */
export async function createUpload(db: Database, blobs: Blobs, upload: NewUpload): Promise<{ token: string }> {
  const token = newId()
  const blobKey = `${UPLOADS_FOLDER}/${token.slice(0, 2)}/${token}`
  await blobs.put(blobKey, upload.bytes)
  const row = {
    token,
    account_id: upload.accountId,
    blob_key: blobKey,
    media_type: upload.mediaType,
    bytes: upload.bytes.byteLength,
    expires_at: upload.expiresAt,
  }
  await retryTransient(() =>
    db
      .insertInto('uploads')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute(),
  )
  return { token }
}

export async function findUpload(db: Database, token: string): Promise<Upload | undefined> {
  if (!isId(token)) return undefined
  return retryTransient(() =>
    db
      .selectFrom('uploads')
      .select(['token', 'account_id as accountId', 'blob_key as blobKey', 'media_type as mediaType', 'bytes'])
      .select('expires_at as expiresAt')
      .where('token', '=', token)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirst(),
  )
}

/** Removes the records that have expired; returns their blob keys, for the caller to delete. */
export async function removeExpiredUploads(db: Database): Promise<string[]> {
  const removed = await db
    .deleteFrom('uploads')
    .where('expires_at', '<=', sql<Date>`now()`)
    .returning('blob_key')
    .execute()
  return removed.map((row) => row.blob_key)
}

/** Which of `blobKeys` belong to an upload. */
export async function findUploadBlobs(db: Database, blobKeys: readonly string[]): Promise<Set<string>> {
  const rows = await db.selectFrom('uploads').select('blob_key').where('blob_key', 'in', blobKeys).execute()
  return new Set(rows.map((row) => row.blob_key))
}
