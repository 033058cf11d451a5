// What every blob store promises, kept by each driver: a folder, and S3 as an S3-compatible server in this process has it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import type { BlobBlocks, Blobs } from '../../src/storage/blobs.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { createS3Blobs } from '../../src/storage/s3-blobs.ts'
import { S3_BUCKET, S3_CREDENTIALS, startS3 } from '../harness/s3-server.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

Object.assign(process.env, S3_CREDENTIALS)
const folder = await makeTemporaryFolder()
const server = await startS3()
const place = { bucket: S3_BUCKET, endpoint: server.endpoint, region: 'us-east-1' }
const [s3, s3WithPrefix] = [
  await createS3Blobs({ ...place, prefix: '' }),
  await createS3Blobs({ ...place, prefix: 'under/a prefix' }),
]
after(async () => {
  await s3[Symbol.asyncDispose]()
  await s3WithPrefix[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const DRIVERS: Readonly<Record<string, Blobs>> = {
  'a folder': createFileBlobs(folder),
  'a bucket': s3,
  'a bucket below a prefix': s3WithPrefix,
}

async function listKeys(blobs: Blobs, under: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of blobs.list(under)) keys.push(key)
  return keys.sort()
}

async function* inBlocks(bytes: Uint8Array, head: Uint8Array | undefined): BlobBlocks {
  for (let at = 0; at < bytes.length; at += 700_001) yield bytes.subarray(at, at + 700_001)
  return head
}

async function* breakingOff(): BlobBlocks {
  for (let i = 0; i < 20; i++) yield randomBytes(1 << 20)
  throw new Error('no more')
}

for (const [driver, blobs] of Object.entries(DRIVERS)) {
  test(`${driver}: what is put is read, replaced as a whole, and deleted`, async () => {
    await blobs.put('outputs/ab/one', Buffer.from('first'))
    await blobs.put('outputs/ab/one', Buffer.from('second'))
    assert.equal(Buffer.from((await blobs.read('outputs/ab/one')) ?? []).toString(), 'second')
    assert.equal(await blobs.size('outputs/ab/one'), 6)
    await blobs.delete('outputs/ab/one')
    assert.equal(await blobs.read('outputs/ab/one'), undefined)
    assert.equal(await blobs.size('outputs/ab/one'), undefined)
    assert.equal(await blobs.stream('outputs/ab/one', { start: 0, end: 1 }), undefined)
    await blobs.delete('outputs/ab/one')
  })

  test(`${driver}: bytes come back as they were, no bytes too`, async () => {
    for (const bytes of [randomBytes(0), randomBytes(1), randomBytes(3_000_001)]) {
      await blobs.put('outputs/ab/bytes', bytes)
      assert.ok(bytes.equals((await blobs.read('outputs/ab/bytes')) ?? randomBytes(9)), `${bytes.length} bytes`)
      assert.equal(await blobs.size('outputs/ab/bytes'), bytes.length)
    }
  })

  test(`${driver}: what comes in blocks is stored as a whole, with the head that only the end could tell`, async () => {
    for (const size of [0, 3, 8 << 20, 20_000_003]) {
      const bytes = randomBytes(size)
      const head = size === 0 ? undefined : randomBytes(3)
      await blobs.putBlocks('outputs/ab/blocks', inBlocks(bytes, head))
      const expected = Buffer.concat([head ?? Buffer.alloc(0), bytes.subarray(head?.length ?? 0)])
      assert.ok(expected.equals((await blobs.read('outputs/ab/blocks')) ?? randomBytes(9)), `${size} bytes`)
    }
  })

  test(`${driver}: of blocks that break off, nothing is stored`, async () => {
    await blobs.put('outputs/ab/kept', Buffer.from('old'))
    await assert.rejects(blobs.putBlocks('outputs/ab/kept', breakingOff()), /no more/)
    assert.equal(Buffer.from((await blobs.read('outputs/ab/kept')) ?? []).toString(), 'old')
    assert.deepEqual(
      (await listKeys(blobs, 'outputs/ab')).filter((key) => key.startsWith('outputs/ab/kept')),
      ['outputs/ab/kept'],
    )
  })

  test(`${driver}: a range is exactly those bytes, in pieces`, async () => {
    const bytes = randomBytes(500_000)
    await blobs.put('outputs/ab/range', bytes)
    for (const [start, end] of [
      [0, 2], // not 0 to 1: s3rver takes a last byte of 0 for none
      [0, bytes.length],
      [17, 300_000],
      [bytes.length - 1, bytes.length],
    ] as const) {
      const stream = await blobs.stream('outputs/ab/range', { start, end })
      assert.ok(stream)
      assert.ok(bytes.subarray(start, end).equals(await buffer(stream)), `${start}–${end}`)
    }
    const whole = await blobs.stream('outputs/ab/range', { start: 0, end: bytes.length })
    for await (const chunk of whole ?? []) assert.ok((chunk as Buffer).length <= 65_536, 'never the whole at once')
  })

  test(`${driver}: a stream can be left in the middle, and the store goes on`, async () => {
    await blobs.put('outputs/ab/long', randomBytes(2_000_000))
    for (let i = 0; i < 60; i++) {
      const stream = await blobs.stream('outputs/ab/long', { start: 0, end: 2_000_000 })
      stream?.destroy()
    }
    assert.equal(await blobs.size('outputs/ab/long'), 2_000_000)
  })

  test(`${driver}: readers see one whole version while another is written`, async () => {
    const versions = ['a', 'b'].map((letter) => Buffer.alloc(300_000, letter))
    await blobs.put('key', versions[0] ?? Buffer.alloc(0))
    const writing = Promise.all(
      Array.from({ length: 6 }, (_, i) => blobs.put('key', versions[i % 2] ?? Buffer.alloc(0))),
    )
    // s3rver writes in place, which S3 does not: its readers are only asked once the writers are done.
    if (driver !== 'a folder') await writing
    for (let i = 0; i < 30; i++) {
      const bytes = Buffer.from((await blobs.read('key')) ?? [])
      assert.ok(versions.some((version) => version.equals(bytes)))
    }
    await writing
  })

  test(`${driver}: a listing has all keys of its folder, with their dates, and no others`, async () => {
    assert.deepEqual(await listKeys(blobs, 'listed'), [])
    const keys = ['listed/ab/one', 'listed/cd/two', 'listed-not/four', 'other/listed/five']
    for (const key of keys) await blobs.put(key, Buffer.from(key))
    assert.deepEqual(await listKeys(blobs, 'listed'), keys.slice(0, 2))
    for await (const { modifiedAt } of blobs.list('listed')) {
      assert.ok(Math.abs(modifiedAt.getTime() - Date.now()) < 60_000, String(modifiedAt))
    }
  })

  test(`${driver}: a key that could lead out of the store is no key`, async () => {
    for (const key of ['', '/etc/passwd', '../up', 'a/../../up', 'a//b', 'a/', '.hidden', 'a\\b', 'a\0b', 'A']) {
      await assert.rejects(blobs.read(key), /no blob key/)
      await assert.rejects(blobs.put(key, Buffer.from('x')), /no blob key/)
      await assert.rejects(blobs.stream(key, { start: 0, end: 1 }), /no blob key/)
      await assert.rejects(blobs.size(key), /no blob key/)
      await assert.rejects(blobs.delete(key), /no blob key/)
    }
  })
}

test('a bucket: keys are below the prefix and nowhere else', async () => {
  await s3WithPrefix.put('outputs/ab/prefixed', Buffer.from('x'))
  assert.equal(await s3.read('outputs/ab/prefixed'), undefined)
  assert.ok(server.asked.some(({ request }) => request.startsWith('PUT /speech/under/a%20prefix/outputs/ab/prefixed')))
})

test('a bucket: of a range, no more than the range leaves the store', async () => {
  await s3.put('outputs/ab/big', randomBytes(5_000_000))
  server.asked.length = 0
  const stream = await s3.stream('outputs/ab/big', { start: 1_000_000, end: 1_010_000 })
  assert.equal(stream && (await buffer(stream)).length, 10_000)
  assert.deepEqual(
    server.asked.map(({ bodyBytes }) => bodyBytes),
    [10_000],
  )
})

test('a bucket: a listing longer than a page is complete', async () => {
  const keys = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, '0')}`)
  for (let i = 0; i < keys.length; i += 15) {
    await Promise.all(keys.slice(i, i + 15).map((key) => s3.put(key, Buffer.from('x'))))
  }
  assert.deepEqual(await listKeys(s3, 'many'), keys)
})
