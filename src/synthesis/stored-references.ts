// References that are on this server already: uploads, and the voices that accounts keep.
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { readVoiceBytes } from '../storage/stored-voices.ts'
import { findUpload } from '../storage/uploads.ts'
import type { ReferenceDeps } from './reference-audio.ts'

export type StoredReferences = Pick<ReferenceDeps, 'readUpload' | 'readVoice'>

export const storedReferences = (db: Database, blobs: Blobs): StoredReferences => ({
  readUpload: async (token) => {
    const upload = await findUpload(db, token)
    return upload && (await blobs.read(upload.blobKey))
  },
  readVoice: (accountId, id) => readVoiceBytes(db, blobs, accountId, id),
})
