import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { version } from '../../src/config.ts'
import { findMark, type Mark, nameVoice, tagsOf } from '../../src/synthesis/provenance.ts'
import { harmonicTone } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const SECRET = new Uint8Array(32).fill(7)
const MARK: Mark = { model: 'turbo', voice: '4f2a6a3e0c5d4b1f9a8e7d6c5b4a3f2e', seed: 42 }
const samples = harmonicTone(130, 1, 24_000)
const speech = (format: 'wav' | 'mp3' | 'ogg' | 'flac', secret?: Uint8Array) =>
  encodeAudio(samples, 24_000, format, tagsOf(MARK, secret))

for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
  test(`${format}: a file of ours says so, with model, voice and seed`, async () => {
    assert.deepEqual(findMark(await speech(format, SECRET), SECRET), { ...MARK, version, signature: 'valid' })
  })
}

test('a mark made without a server has no signature', async () => {
  assert.equal(findMark(await speech('wav'), SECRET)?.signature, 'absent')
})

test("another installation's mark is not ours", async () => {
  const file = await speech('flac', SECRET)
  assert.equal(findMark(file, new Uint8Array(32).fill(8))?.signature, 'invalid')
  assert.equal(findMark(file, undefined)?.signature, 'invalid')
})

test('a mark whose fields were altered is not ours', async () => {
  const file = Buffer.from(await speech('wav', SECRET))
  file[file.indexOf('seed=42') + 5] = '5'.charCodeAt(0)
  assert.deepEqual(findMark(file, SECRET), { ...MARK, seed: 52, version, signature: 'invalid' })
})

test('a file without a mark has none, an empty one included', async () => {
  assert.equal(findMark(await encodeAudio(samples, 24_000, 'mp3'), SECRET), undefined)
  assert.equal(findMark(new Uint8Array(), SECRET), undefined)
})

test('a voice is named by its content alone', () => {
  const voice = (value: number, order: readonly string[]) => ({
    model: 'turbo' as const,
    version: '1',
    metadata: {},
    tensors: Object.fromEntries(
      order.map((name) => [name, { dtype: 'F32' as const, shape: [2], data: Float32Array.of(value, name.length) }]),
    ),
  })
  assert.equal(nameVoice(voice(1, ['mel', 'embedding'])), nameVoice(voice(1, ['embedding', 'mel'])))
  assert.notEqual(nameVoice(voice(1, ['mel'])), nameVoice(voice(2, ['mel'])))
})

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0
test('the mark survives another container', { skip: hasFfmpeg ? false : 'ffmpeg is not installed' }, async (t) => {
  const folder = await makeTemporaryFolder()
  t.after(() => rm(folder, { recursive: true }))
  const [from, to] = [path.join(folder, 'speech.flac'), path.join(folder, 'speech.m4a')]
  await writeFile(from, await speech('flac', SECRET))
  assert.equal(spawnSync('ffmpeg', ['-v', 'error', '-i', from, to]).status, 0)
  assert.deepEqual(findMark(await readFile(to), SECRET), { ...MARK, version, signature: 'valid' })
})
