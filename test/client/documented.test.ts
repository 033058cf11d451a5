// The examples of docs/client.md, compiled and run as they stand there, against a server.
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { startServer } from '../../src/main.ts'
import { compileExamples } from '../harness/documented-code.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const KEY = 'cb_000102030405060708090a0b0c0d0e0f'
const dataDir = await makeTemporaryFolder()
const settings = { DATA_DIR: dataDir, PORT: '0', BOOTSTRAP_API_KEY: KEY, RATE_LIMIT_RPM: '0' }
const server = await startServer(readConfig(settings, {}), quietLog, { engine: createToneEngine() })
const code = await compileExamples('docs/client.md')
after(async () => {
  await server[Symbol.asyncDispose]()
  await Promise.all([dataDir, code.folder].map((folder) => rm(folder, { recursive: true, force: true })))
})

test('there is an example of each kind of call', () => assert.equal(code.examples.length, 6))

for (const example of code.examples) {
  test(`${example} runs`, async () => {
    const printed = await code.run(example, { CHATTERBOX_URL: server.url, CHATTERBOX_API_KEY: KEY })
    assert.doesNotMatch(printed, /undefined|NaN/)
  })
}

test('they leave what they promise', async () => {
  for (const [file, begins] of [
    ['hello.mp3', 'ID3'],
    ['story.ogg', 'OggS'],
    ['later.wav', 'RIFF'],
    ['speech.srt', '1\n'],
  ] as const) {
    const bytes = await readFile(path.join(code.folder, file))
    assert.equal(bytes.toString('latin1', 0, begins.length), begins, file)
  }
})
