// The examples of docs/library.md, compiled and run as they stand there.
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { compileExamples } from '../harness/documented-code.ts'

const code = await compileExamples('docs/library.md')
after(() => rm(code.folder, { recursive: true, force: true }))
const environment = { XDG_CACHE_HOME: path.join(code.folder, 'cache') }

test('the first writes a file in the voice of a recording', async () => {
  assert.match(await code.run('example-1', environment), /^\d\.\d+ s by preview, seed 42\n$/)
  assert.equal((await readFile(path.join(code.folder, 'hello.mp3'))).toString('latin1', 0, 3), 'ID3')
})

test('the second speaks piece by piece', async () => {
  assert.match(await code.run('example-2', environment), /1 of 1\n\d\.\d s, \d+ bytes\n$/)
  assert.equal(code.examples.length, 2)
})
