import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import type { Finding } from '../../src/cli/checks.ts'
import { runCommand } from '../harness/command.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { makeTinyBundle } from '../harness/tiny-bundle.ts'

const root = await makeTemporaryFolder()
after(() => rm(root, { recursive: true }))

async function examine(modelDir: string) {
  const environment = { XDG_CACHE_HOME: path.join(root, 'cache'), DATA_DIR: path.join(root, 'data'), PORT: '0' }
  const { code, stdout } = await runCommand(['doctor', '--json'], { ...environment, MODEL_DIR: modelDir })
  const findings = JSON.parse(stdout.toString()) as Finding[]
  return { code, of: (name: string) => findings.find((finding) => finding.name === name) }
}

test('the doctor names the model that is installed, and notices when it is damaged', async () => {
  using bundle = await makeTinyBundle()
  const modelDir = path.dirname(bundle.folder)
  const well = await examine(modelDir)
  assert.equal(well.code, 0)
  assert.match(well.of('model')?.found ?? '', /^turbo, int8, version [0-9a-f]{16}, every file as it was made/)
  assert.match(well.of('engine')?.found ?? '', /^the turbo engine spoke/)
  const vocoder = path.join(bundle.folder, 'vocoder.bin')
  const bytes = await readFile(vocoder)
  bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000)
  await writeFile(vocoder, bytes)
  const ill = await examine(modelDir)
  assert.equal(ill.code, 1)
  assert.equal(ill.of('model')?.state, 'failure')
  assert.match(ill.of('model')?.found ?? '', /vocoder\.bin is damaged/)
})

test('without a model the doctor says how to get one', async () => {
  const { code, of } = await examine(path.join(root, 'none'))
  assert.equal(code, 0)
  assert.deepEqual([of('model')?.state, of('engine')?.state], ['warning', 'ok'])
  assert.match(of('model')?.advice ?? '', /chatterbox pull turbo/)
})
