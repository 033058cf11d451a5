import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { TINY } from '../../src/compile/dimensions.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'
import { packageRoot } from '../../src/config.ts'
import { openBundle } from '../../src/engine/bundle.ts'
import { COMMIT, startLocalHub } from '../compile/hub/local-hub.ts'
import { runCommand } from '../harness/command.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const root = await makeTemporaryFolder()
after(() => rm(root, { recursive: true }))
const checkpoint = path.join(root, 'checkpoint')

before(async () => {
  await mkdir(checkpoint)
  writeSyntheticCheckpoint(checkpoint, 'turbo', TINY)
  await cp(path.join(packageRoot, 'test/fixtures/voice-conditionals.pt'), path.join(checkpoint, 'conds.pt'))
})

test('compile puts a checkpoint where the engine looks for it', async () => {
  const modelDir = path.join(root, 'compiled')
  const { code, stdout, stderr } = await runCommand(['compile', checkpoint], { MODEL_DIR: modelDir })
  assert.equal(code, 0, stderr)
  assert.match(stdout.toString(), /turbo: turbo, int8, 0\.\d\d GB, version [0-9a-f]{16}\n/)
  assert.match(stdout.toString(), /Self-test passed: .* the same to the last sample/)
  const { manifest } = await openBundle(path.join(modelDir, 'turbo'))
  assert.equal(manifest.precision, 'int8')
})

test('compile says in one line what is wrong with a checkpoint', async () => {
  const { code, stderr } = await runCommand(['compile', packageRoot], { MODEL_DIR: path.join(root, 'none') })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^error: .*: holds no language model; expected t3_turbo_v1\.safetensors or t3_nano_v1\.safetensors\n$/,
  )
  assert.equal(existsSync(path.join(root, 'none')), false)
})

test('pull downloads from the hub, compiles, and leaves only the model', async () => {
  const files: Record<string, Uint8Array> = {}
  for (const name of await readdir(checkpoint)) files[name] = await readFile(path.join(checkpoint, name))
  const large = Object.keys(files).filter((name) => name.endsWith('.safetensors'))
  await using hub = await startLocalHub({ repository: 'ResembleAI/chatterbox-turbo', files, large, token: 'hf_test' })
  const modelDir = path.join(root, 'pulled')
  const environment = { MODEL_DIR: modelDir, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_test' }
  hub.storageTrouble.push({ kind: 'break-after', bytes: 100_000 })
  const { code, stdout, stderr } = await runCommand(['pull', 'turbo', '--precision', 'int4'], environment)
  assert.equal(code, 0, stderr)
  assert.match(stdout.toString(), /turbo, int4, 0\.\d\d GB, version [0-9a-f]{16}\n/)
  assert.match(stdout.toString(), new RegExp(`Compiled from ResembleAI/chatterbox-turbo at ${COMMIT}`))
  assert.match(stdout.toString(), /Self-test passed: .* the same to the last sample/)
  assert.match(stdout.toString(), /MODEL=auto picks it up/)
  assert.match(stderr, /the connection broke after \d+ bytes .*; trying again/)
  assert.deepEqual(
    (await readdir(modelDir)).map((name) => name.replace(/[0-9a-f]{16}/, 'VERSION')),
    ['checkpoints', 'turbo', 'turbo-VERSION'],
  )
  assert.deepEqual(await readdir(path.join(modelDir, 'checkpoints')), [])
  const { manifest } = await openBundle(path.join(modelDir, 'turbo'))
  assert.deepEqual(manifest.origin, { repository: 'ResembleAI/chatterbox-turbo', commit: COMMIT })
  assert.ok(manifest.files.some(({ name }) => name === 'default-voice.safetensors'))

  const refused = await runCommand(['pull', 'nano'], environment)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^error: .* has no t3_nano_v1\.safetensors in ResembleAI\/chatterbox-nano at main/)
})

test('pull --from takes a folder instead of the hub and leaves it alone', async () => {
  const modelDir = path.join(root, 'from')
  const before = await readdir(checkpoint)
  const args = ['pull', 'turbo', '--from', checkpoint]
  const { code, stderr } = await runCommand(args, { MODEL_DIR: modelDir, HF_ENDPOINT: 'http://127.0.0.1:9' })
  assert.equal(code, 0, stderr)
  assert.equal((await readdir(modelDir))[0], 'turbo')
  assert.deepEqual(await readdir(checkpoint), before)
})

test('a model that cannot be pulled is refused by the list of those that can', async () => {
  const { code, stderr } = await runCommand(['pull', 'base'], {})
  assert.equal(code, 1)
  assert.match(stderr, /It must be turbo or nano\./)
})
