import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { writeSafetensors } from '../../src/compile/checkpoint/safetensors-writer.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { type InstallOptions, installModel } from '../../src/compile/install.ts'
import { NotABundleError } from '../../src/compile/place-bundle.ts'
import { SelfTestError } from '../../src/compile/self-test.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'
import { findInstalledModel } from '../../src/engine/installed-models.ts'
import { quietLog } from '../harness/quiet-log.ts'

const root = mkdtempSync(path.join(tmpdir(), 'install-'))
after(() => rmSync(root, { recursive: true }))
const checkpoint = path.join(root, 'checkpoint')
const modelDir = path.join(root, 'models')
const options: InstallOptions = {
  model: 'turbo',
  modelDir,
  precision: 'int8',
  hub: { endpoint: 'http://127.0.0.1:9', revision: 'main' },
  from: checkpoint,
  engine: { threads: 1, log: quietLog },
}
const never = new AbortController().signal
let installedVersion: string

before(async () => {
  mkdirSync(checkpoint)
  writeSyntheticCheckpoint(checkpoint, 'turbo', TINY)
  const { bundle, selfTest } = await installModel(options, never)
  installedVersion = bundle.manifest.version
  assert.ok(selfTest.audioSeconds > 0.2 && selfTest.audioSeconds < 5)
})

const installed = async () => (await findInstalledModel(modelDir, 'auto'))?.manifest.version

test('an abort before or in the self-test leaves the installed model, and nothing else', async () => {
  for (const step of ['checksums', 'self-test']) {
    const stop = new AbortController()
    const onCompile = (progress: { step: string }) => progress.step === step && stop.abort()
    await assert.rejects(installModel({ ...options, precision: 'fp32', onCompile }, stop.signal), {
      name: 'AbortError',
    })
    assert.deepEqual(readdirSync(modelDir), ['turbo', `turbo-${installedVersion}`])
    assert.equal(await installed(), installedVersion)
  }
})

test('a machine that stopped between two renames still has a model, and a failed installation does not change that', async () => {
  const folder = path.join(modelDir, 'turbo')
  renameSync(folder, `${folder}.old`)
  assert.equal(await installed(), installedVersion)
  const stop = new AbortController()
  const onCompile = () => stop.abort()
  await assert.rejects(installModel({ ...options, onCompile }, stop.signal), { name: 'AbortError' })
  assert.equal(await installed(), installedVersion)
  renameSync(`${folder}.old`, folder)
})

test('a folder that is no model is not replaced', async () => {
  const elsewhere = path.join(root, 'elsewhere')
  mkdirSync(path.join(elsewhere, 'turbo'), { recursive: true })
  writeFileSync(path.join(elsewhere, 'turbo', 'thesis.txt'), 'three years of work')
  await assert.rejects(
    installModel({ ...options, modelDir: elsewhere }, never),
    (error) =>
      error instanceof NotABundleError && /turbo holds something else than a compiled model/.test(error.message),
  )
  assert.deepEqual(readdirSync(elsewhere), ['turbo'])
  assert.deepEqual(readdirSync(path.join(elsewhere, 'turbo')), ['thesis.txt'])
})

test('a model that speaks no numbers does not replace the one that works', async () => {
  const file = path.join(checkpoint, 's3gen_meanflow.safetensors')
  const source = new SafetensorsFile(file)
  const tensors = [...source.entries.values()].map(({ name, dtype, shape }) => {
    const bytes = source.readBytes(name)
    if (name === 'mel2wav.conv_post.bias') new DataView(bytes.buffer, bytes.byteOffset).setFloat32(0, Number.NaN, true)
    return { name, dtype, shape, chunks: () => [bytes] }
  })
  source.close()
  writeSafetensors(file, tensors)
  const before = readdirSync(modelDir)
  await assert.rejects(
    installModel(options, never),
    (error) =>
      error instanceof SelfTestError &&
      /failed its self-test: sample 0 of what it spoke is NaN\. What was installed before is unchanged/.test(
        error.message,
      ),
  )
  assert.deepEqual(readdirSync(modelDir), before)
  assert.equal(await installed(), installedVersion)
})
