// S3 that fails: for a moment, for long, in the middle, and for good.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { after, beforeEach, test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import { BlobStoreError } from '../../src/storage/blobs.ts'
import { type BlobPlace, openBlobs } from '../../src/storage/open-blobs.ts'
import { createS3Blobs, type S3Place } from '../../src/storage/s3-blobs.ts'
import { S3_BUCKET, S3_CREDENTIALS, startS3 } from '../harness/s3-server.ts'

Object.assign(process.env, S3_CREDENTIALS)
const server = await startS3()
const place: S3Place = { bucket: S3_BUCKET, prefix: '', endpoint: server.endpoint, region: 'us-east-1' }
const impatient = { connectMs: 1000, answerMs: 150, idleMs: 300 }
const blobs = await createS3Blobs(place, impatient)
const bytes = randomBytes(200_000)
await blobs.put('key', bytes)
after(async () => {
  await blobs[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => {
  Object.assign(process.env, S3_CREDENTIALS)
  server.faults.length = 0
  server.asked.length = 0
})

const settings: BlobPlace = {
  BLOB_URL: `s3://${S3_BUCKET}/speech`,
  BLOB_ENDPOINT: server.endpoint,
  BLOB_REGION: undefined,
  DATA_DIR: '/nonexistent',
}
const wordsOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => assert.fail('it should have been refused'),
    (error: unknown) => {
      assert.ok(error instanceof BlobStoreError, String(error))
      return error.message
    },
  )

for (const fault of ['busy', 'silent', 'reset'] as const) {
  test(`an answer that is ${fault} for a moment is asked for again`, async () => {
    for (const operation of [
      () => blobs.read('key'),
      () => blobs.size('key'),
      () => blobs.put('other', bytes),
      () => blobs.stream('key', { start: 0, end: 9 }).then((stream) => stream && buffer(stream)),
    ]) {
      server.faults.push(fault, fault)
      assert.notEqual(await operation(), null)
      assert.equal(server.faults.length, 0, 'both were met')
    }
    assert.ok(bytes.equals((await blobs.read('other')) ?? randomBytes(1)))
  })

  test(`a store that stays ${fault} is unavailable to the caller, and says why to the log`, async () => {
    server.faults.push(...Array.from({ length: 4 }, () => fault))
    const error = await blobs.read('key').catch((refusal: unknown) => refusal)
    assert.ok(error instanceof AppError && error.code === 'unavailable' && error.retryAfterSeconds === 5, String(error))
    assert.ok(error.cause instanceof BlobStoreError)
    assert.match(error.cause.message, /The bucket speech at http:.* does not answer as it should \(\w+/)
    assert.equal(server.asked.length, 4)
  })
}

test('a whole read that breaks off half-way is begun again; a stream tells its reader', async () => {
  server.faults.push('cut', 'cut')
  assert.ok(bytes.equals((await blobs.read('key')) ?? randomBytes(1)))
  assert.equal(server.asked.length, 3)
  server.faults.push('cut')
  const stream = await blobs.stream('key', { start: 0, end: bytes.length })
  assert.ok(stream)
  await assert.rejects(buffer(stream))
})

test('a bucket that works is opened, and no trace of the trial is left', async () => {
  const opened = await openBlobs(settings)
  for await (const { key } of opened.list('trials')) assert.fail(key)
  await opened[Symbol.asyncDispose]()
})

test('a bucket that is not there is said in words, for a read and at the start', async () => {
  const missing = await createS3Blobs({ ...place, bucket: 'nowhere' }, impatient)
  assert.match(await wordsOf(missing.read('key')), /^There is no such bucket: the bucket nowhere at http/)
  await missing[Symbol.asyncDispose]()
  assert.match(await wordsOf(openBlobs({ ...settings, BLOB_URL: 's3://nowhere' })), /Make it, or correct BLOB_URL\.$/)
})

test('credentials that are wrong or absent are said in words', async () => {
  server.faults.push({ status: 403, code: 'SignatureDoesNotMatch' })
  assert.match(await wordsOf(openBlobs(settings)), /credentials .* are refused \(SignatureDoesNotMatch\)/)
  process.env.AWS_ACCESS_KEY_ID = 'NOBODY'
  assert.match(await wordsOf(openBlobs(settings)), /refused \(InvalidAccessKeyId\)\. Check AWS_ACCESS_KEY_ID/)
  delete process.env.AWS_ACCESS_KEY_ID
  delete process.env.AWS_SECRET_ACCESS_KEY
  const noProfile = { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nonexistent' }
  const before = { HOME: process.env.HOME ?? '' }
  Object.assign(process.env, noProfile)
  assert.match(
    await wordsOf(openBlobs(settings)),
    /^No credentials for the bucket speech at http.*give this machine a role/,
  )
  Object.assign(process.env, before)
})

test('a right that is missing and a bucket of another region are said in words', async () => {
  server.faults.push({ status: 403, code: 'AccessDenied' })
  assert.match(await wordsOf(openBlobs(settings)), /do not allow this .*\(AccessDenied\)\. They need s3:GetObject/)
  server.faults.push({ status: 301, code: 'PermanentRedirect' })
  assert.match(await wordsOf(openBlobs(settings)), /^The bucket .* another region .*Set BLOB_REGION/)
  server.faults.push({ status: 400, code: 'EntityTooLarge' })
  assert.match(
    await wordsOf(openBlobs(settings)),
    /^The bucket speech at http.* refused a request \(400 EntityTooLarge/,
  )
})

test('a store that is not there, and a region that nobody named, are said in words', async () => {
  const nowhere = { ...settings, BLOB_ENDPOINT: 'http://127.0.0.1:1' }
  assert.match(
    await wordsOf(openBlobs(nowhere)),
    /The bucket speech at http:\/\/127\.0\.0\.1:1 does not answer.*ECONNREFUSED/,
  )
  assert.match(await wordsOf(openBlobs({ ...settings, BLOB_ENDPOINT: undefined })), /Set BLOB_REGION\.$/)
})
