// Bytes by key: whole or not there, and nowhere but in their folder.
import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Blobs } from '../../src/storage/blobs.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

async function makeBlobs(t: TestContext): Promise<{ blobs: Blobs; folder: string }> {
  const parent = await makeTemporaryFolder()
  t.after(() => rm(parent, { recursive: true }))
  const folder = path.join(parent, 'blobs')
  return { blobs: createFileBlobs(folder), folder }
}

async function listKeys(blobs: Blobs, folder: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of blobs.list(folder)) keys.push(key)
  return keys.sort()
}

test('what is put is read, replaced as a whole, and deleted', async (t) => {
  const { blobs } = await makeBlobs(t)
  await blobs.put('outputs/ab/one', Buffer.from('first'))
  await blobs.put('outputs/ab/one', Buffer.from('second'))
  assert.equal(String(await blobs.read('outputs/ab/one')), 'second')
  await blobs.delete('outputs/ab/one')
  assert.equal(await blobs.read('outputs/ab/one'), undefined)
  await blobs.delete('outputs/ab/one')
})

test('readers see one whole version while another is written', async (t) => {
  const { blobs } = await makeBlobs(t)
  const versions = ['a', 'b'].map((letter) => Buffer.alloc(300_000, letter))
  await blobs.put('key', versions[0] ?? Buffer.alloc(0))
  const writing = Promise.all(
    Array.from({ length: 10 }, (_, i) => blobs.put('key', versions[i % 2] ?? Buffer.alloc(0))),
  )
  for (let i = 0; i < 50; i++) {
    const bytes = Buffer.from((await blobs.read('key')) ?? [])
    assert.ok(versions.some((version) => version.equals(bytes)))
  }
  await writing
})

test('a listing has all keys of its folder and what an interrupted put has left, and no others', async (t) => {
  const { blobs, folder } = await makeBlobs(t)
  assert.deepEqual(await listKeys(blobs, 'outputs'), [])
  for (const key of ['outputs/ab/one', 'outputs/cd/two', 'uploads/ef/three', 'outputs-old/four']) {
    await blobs.put(key, Buffer.from(key))
  }
  await writeFile(path.join(folder, 'outputs/ab/late.00112233.tmp'), 'half')
  assert.deepEqual(await listKeys(blobs, 'outputs'), [
    'outputs/ab/late.00112233.tmp',
    'outputs/ab/one',
    'outputs/cd/two',
  ])
})

test('a key that could lead out of the folder is no key', async (t) => {
  const { blobs, folder } = await makeBlobs(t)
  for (const key of ['', '/etc/passwd', '../up', 'a/../../up', 'a//b', 'a/', '.hidden', 'a\\b', 'a\0b', 'A']) {
    await assert.rejects(blobs.read(key), /no blob key/)
    await assert.rejects(blobs.put(key, Buffer.from('x')), /no blob key/)
  }
  await assert.rejects(readdir(folder), { code: 'ENOENT' })
})

test('a put that fails leaves nothing behind', async (t) => {
  const { blobs, folder } = await makeBlobs(t)
  await blobs.put('folder/inside', Buffer.from('x'))
  await assert.rejects(blobs.put('folder', Buffer.from('a folder is in the way')))
  assert.deepEqual(await readdir(folder), ['folder'])
})
