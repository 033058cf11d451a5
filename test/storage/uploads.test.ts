// Uploads: found by their token until they expire.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { createUpload, findUpload } from '../../src/storage/uploads.ts'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)

test('an upload is found with its bytes by its token', async () => {
  const { accountId } = await makeAccount(db)
  const bytes = Buffer.from('RIFF and so on')
  const expiresAt = new Date(Date.now() + 3_600_000)
  const { token } = await createUpload(db, blobs, { accountId, mediaType: 'audio/wav', bytes, expiresAt })
  assert.match(token, /^[0-9a-f]{32}$/)
  const found = await findUpload(db, token)
  assert.deepEqual(found && { ...found, blobKey: '' }, {
    token,
    accountId,
    blobKey: '',
    mediaType: 'audio/wav',
    bytes: bytes.byteLength,
    expiresAt,
  })
  assert.deepEqual(await blobs.read(found?.blobKey ?? ''), bytes)
})

test('an expired upload is not found, nor one that never was', async () => {
  const { accountId } = await makeAccount(db)
  const upload = { accountId, mediaType: 'audio/wav', bytes: Buffer.from('x'), expiresAt: new Date(0) }
  const { token } = await createUpload(db, blobs, upload)
  for (const unknown of [token, '', 'x', '0'.repeat(32), `${'0'.repeat(31)}\0`]) {
    assert.equal(await findUpload(db, unknown), undefined)
  }
})
