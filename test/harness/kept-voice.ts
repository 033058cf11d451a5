// A voice that an account keeps, for tests that list and name voices and do not speak with them: its recording is none.
import { rm } from 'node:fs/promises'
import { invariant } from '../../src/errors.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { addVoice } from '../../src/storage/stored-voices.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

/** Returns its id. */
export async function keepVoice(db: Database, accountId: string, name: string): Promise<string> {
  const folder = await makeTemporaryFolder()
  const content = { kind: 'recording', seconds: 9, sentSeconds: 9, startSeconds: 0 } as const
  const bytes = Buffer.from('a recording')
  const voice = {
    accountId,
    name,
    description: null,
    consent: 'yes',
    sha256: '0'.repeat(64),
    content,
    checks: [],
    bytes,
  }
  try {
    const added = await addVoice(db, createFileBlobs(folder), voice, 10)
    invariant(added.kind === 'added', 'the account has room for a voice')
    return added.voice.id
  } finally {
    await rm(folder, { recursive: true })
  }
}
