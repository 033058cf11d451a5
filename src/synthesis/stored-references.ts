// References that are on this server already: uploads, outputs, and the voices that accounts keep.
import { findOutput } from '../jobs/outputs.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { readVoiceBytes } from '../storage/stored-voices.ts'
import { findUpload } from '../storage/uploads.ts'
import type { ReferenceDeps } from './reference-audio.ts'

export type StoredReferences = Pick<ReferenceDeps, 'readUpload' | 'readOutput' | 'readVoice'>

export const storedReferences = (db: Database, blobs: Blobs): StoredReferences => ({
  readUpload: async (token) => {
    const upload = await findUpload(db, token)
    return upload && (await blobs.read(upload.blobKey))
  },
  readOutput: async (accountId, token) => {
    const output = await findOutput(db, token)
    // What is to be sent once and forgotten is for whoever fetches it.
    return output?.accountId === accountId && output.retention === 'normal' ? blobs.read(output.blobKey) : undefined
  },
  readVoice: (accountId, id) => readVoiceBytes(db, blobs, accountId, id),
})
