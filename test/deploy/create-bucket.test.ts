import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { S3_BUCKET, S3_CREDENTIALS, startS3 } from '../harness/s3-server.ts'
import { deployFolder } from './deploy-files.ts'

test('the bucket is made where it is missing, left where it is, and a store that is still starting is waited for', async () => {
  await using store = await startS3()
  const createBucket = (name: string) => {
    const { PATH = '', TMPDIR = '/tmp' } = process.env
    const child = spawn(process.execPath, [path.join(deployFolder, 'create-bucket.mjs')], {
      env: { PATH, TMPDIR, ...S3_CREDENTIALS, BLOB_URL: `s3://${name}/prefix`, BLOB_ENDPOINT: store.endpoint },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return text(child.stdout)
  }
  store.faults.push('reset', 'reset', 'reset', 'reset')
  assert.equal(await createBucket('new-bucket'), 'created bucket new-bucket\n')
  assert.ok(store.asked.filter(({ request }) => request.startsWith('PUT /new-bucket')).length > 4)
  assert.equal(await createBucket(S3_BUCKET), `bucket ${S3_BUCKET} is there\n`)
})
