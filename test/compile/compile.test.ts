import assert from 'node:assert/strict'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { CheckpointError } from '../../src/compile/checkpoint/checkpoint-error.ts'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { writeSafetensors } from '../../src/compile/checkpoint/safetensors-writer.ts'
import { compileCheckpoint } from '../../src/compile/compile.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'
import { packageRoot } from '../../src/config.ts'
import { BundleError, DEFAULT_VOICE_FILE, openBundle, verifyBundle } from '../../src/engine/bundle.ts'
import { fromVoice } from '../../src/engine/chatterbox/voice/conditionals.ts'
import { prepareConditionals } from '../../src/engine/chatterbox/voice/prepare-conditionals.ts'
import { VoiceNetworks } from '../../src/engine/chatterbox/voice/voice-networks.ts'
import { bundleFolder, findInstalledModel } from '../../src/engine/installed-models.ts'
import { readVoice } from '../../src/engine/voice-file.ts'

const root = mkdtempSync(path.join(tmpdir(), 'compile-'))
after(() => rmSync(root, { recursive: true }))
const signal = new AbortController().signal
const original = path.join(root, 'checkpoint')
const compiled = path.join(root, 'bundle')
const graphFile = (name: string) => path.join(compiled, `${name}.onnx`)

before(async () => {
  mkdirSync(original)
  writeSyntheticCheckpoint(original, 'turbo', TINY)
  copyFileSync(path.join(packageRoot, 'test/fixtures/voice-conditionals.pt'), path.join(original, 'conds.pt'))
  await compileCheckpoint({ from: original, to: compiled, precision: 'fp32' }, signal)
})

let copies = 0
/** A copy of the checkpoint, to be spoiled. */
function spoiled(change: (folder: string) => void): string {
  const folder = path.join(root, `spoiled-${copies++}`)
  mkdirSync(folder)
  for (const name of readdirSync(original)) copyFileSync(path.join(original, name), path.join(folder, name))
  change(folder)
  return folder
}

/** Rewrites a checkpoint file with some tensors left out, renamed or reshaped. */
function rewrite(
  file: string,
  change: (name: string, shape: readonly number[]) => readonly [string, readonly number[]] | undefined,
): void {
  const source = new SafetensorsFile(file)
  const tensors = [...source.entries.values()].flatMap(({ name, dtype, shape }) => {
    const changed = change(name, shape)
    return changed ? [{ name: changed[0], dtype, shape: changed[1], bytes: source.readBytes(name) }] : []
  })
  source.close()
  writeSafetensors(
    file,
    tensors.map((tensor) => ({ ...tensor, chunks: () => [tensor.bytes] })),
  )
}

const compile = (from: string) => compileCheckpoint({ from, to: path.join(root, 'never'), precision: 'fp32' }, signal)

test('a checkpoint becomes a bundle whose files are all listed, checked and used', async () => {
  const bundle = await openBundle(compiled)
  const { manifest } = bundle
  assert.deepEqual([manifest.model, manifest.precision], ['turbo', 'fp32'])
  const onDisk = readdirSync(compiled).filter((name) => name !== 'manifest.json')
  assert.deepEqual(manifest.files.map(({ name }) => name).sort(), onDisk.sort())
  assert.equal(onDisk.filter((name) => name.endsWith('.onnx')).length, 11)
  assert.deepEqual(manifest.sources.map(({ name }) => name).sort(), readdirSync(original).sort())
  assert.ok(manifest.ignored.some(({ reason, names }) => reason.includes('training') && names.length > 20))
  await verifyBundle(bundle, signal)
})

test('the same checkpoint gives the same version, another precision another', async () => {
  const versionOf = async (precision: 'fp32' | 'int8') => {
    const to = path.join(root, `again-${precision}`)
    return (await compileCheckpoint({ from: original, to, precision }, signal)).version
  }
  const { version } = (await openBundle(compiled)).manifest
  assert.equal(await versionOf('fp32'), version)
  assert.notEqual(await versionOf('int8'), version)
})

test('the voice of conds.pt comes along, under the bundle’s own version', async () => {
  const bundle = await openBundle(compiled)
  const voice = readVoice(readFileSync(bundle.path(DEFAULT_VOICE_FILE)))
  assert.deepEqual([voice.model, voice.version], ['turbo', bundle.manifest.version])
  const { promptTokens, decoder } = fromVoice(voice)
  assert.deepEqual([promptTokens.length, decoder.tokens.length, decoder.frames], [12, 10, 20])
})

test('the compiled networks encode a recording', async () => {
  const networks = new VoiceNetworks(graphFile, { threads: 1 })
  const samples = Float32Array.from({ length: 6 * 24000 }, (_, i) => 0.3 * Math.sin(i / 20) * Math.sin(i / 3000))
  const recording = { samples, sampleRate: 24000, normLoudness: true }
  const { speakerEmbedding, promptTokens, decoder } = await prepareConditionals(recording, networks, signal)
  assert.ok(Math.abs(Math.hypot(...speakerEmbedding) - 1) < 1e-5)
  assert.deepEqual(
    [promptTokens.length, decoder.tokens.length, decoder.frames, decoder.xvector.length],
    [150, 150, 300, 192],
  )
  assert.ok(promptTokens.every((token) => token >= 0 && token < 6561))
  const again = await prepareConditionals(recording, networks, signal)
  assert.deepEqual(again.decoder.xvector, decoder.xvector)
  const aborted = AbortSignal.abort()
  await assert.rejects(prepareConditionals(recording, networks, aborted), { name: 'AbortError' })
})

test('a recording of five seconds or less, or of silence, is refused', async () => {
  const networks = new VoiceNetworks(graphFile, { threads: 1 })
  const prepare = (samples: Float32Array) =>
    prepareConditionals({ samples, sampleRate: 24000, normLoudness: true }, networks, signal)
  await assert.rejects(prepare(new Float32Array(5 * 24000).fill(0.1)), {
    code: 'invalid_reference_audio',
    message: /longer than 5 seconds/,
  })
  await assert.rejects(prepare(new Float32Array(6 * 24000)), { code: 'invalid_reference_audio', message: /is silent/ })
})

test('a checkpoint that is not this model is refused by the tensor or file at fault, and nothing is left behind', async () => {
  const s3gen = 's3gen_meanflow.safetensors'
  const t3 = 't3_turbo_v1.safetensors'
  const cases: readonly (readonly [(folder: string) => void, RegExp])[] = [
    [(folder) => rmSync(path.join(folder, t3)), /holds no language model/],
    [(folder) => copyFileSync(path.join(folder, t3), path.join(folder, 't3_nano_v1.safetensors')), /holds both/],
    [(folder) => rmSync(path.join(folder, 'merges.txt')), /lacks merges\.txt/],
    [(folder) => rmSync(path.join(folder, 've.safetensors')), /lacks ve\.safetensors/],
    [(folder) => truncateSync(path.join(folder, s3gen), 2 ** 43), /compiling it needs \d+\.\d GB, but only \d/],
    [(folder) => truncateSync(path.join(folder, s3gen), 5_000_000), /s3gen_meanflow\.safetensors: .*truncated/],
    [
      (folder) =>
        rewrite(path.join(folder, t3), (name, shape) => (name === 'tfmr.ln_f.bias' ? undefined : [name, shape])),
      /tensor tfmr\.ln_f\.bias is missing/,
    ],
    [
      (folder) => rewrite(path.join(folder, t3), (name, shape) => [name.replace('ln_f.bias', 'ln_f.offset'), shape]),
      /tensor tfmr\.ln_f\.bias is missing/,
    ],
    [
      (folder) =>
        rewrite(path.join(folder, s3gen), (name, shape) => [
          name,
          name === 'flow.encoder_proj.weight' ? [128, 80] : shape,
        ]),
      /tensor flow\.encoder_proj\.weight has shape \[128, 80\], expected \[80, 128\]/,
    ],
    [
      (folder) =>
        rewrite(path.join(folder, 've.safetensors'), (name, shape) => [
          name === 'similarity_bias' ? 'stranger' : name,
          shape,
        ]),
      /ve\.safetensors: holds tensors this model does not have: stranger/,
    ],
    [
      (folder) => rewrite(path.join(folder, s3gen), (name, shape) => [name.replace('_mel_filters', '_MEL'), shape]),
      /tensor tokenizer\._mel_filters is missing/,
    ],
    [(folder) => writeFileSync(path.join(folder, 'conds.pt'), 'not a voice'), /conds\.pt: has no zip directory/],
  ]
  for (const [change, message] of cases) {
    const folder = spoiled(change)
    await assert.rejects(
      compile(folder),
      (error) => error instanceof CheckpointError && message.test(error.message),
      `${message}`,
    )
    rmSync(folder, { recursive: true })
  }
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('never')),
    [],
  )
})

test('an aborted compilation leaves nothing behind', async () => {
  const controller = new AbortController()
  const to = path.join(root, 'aborted')
  const running = compileCheckpoint(
    { from: original, to, precision: 'fp32', onProgress: ({ step }) => step === 'vocoder' && controller.abort() },
    controller.signal,
  )
  await assert.rejects(running, { name: 'AbortError' })
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('aborted')),
    [],
  )
})

test('the engine finds what is installed: turbo before nano, and never passes over a damaged model', async () => {
  const modelDir = path.join(root, 'models')
  assert.equal(await findInstalledModel(modelDir, 'auto'), undefined)
  cpSync(compiled, bundleFolder(modelDir, 'nano'), { recursive: true })
  assert.equal((await findInstalledModel(modelDir, 'auto'))?.folder, path.join(modelDir, 'nano'))
  cpSync(compiled, bundleFolder(modelDir, 'turbo'), { recursive: true })
  assert.equal((await findInstalledModel(modelDir, 'auto'))?.folder, path.join(modelDir, 'turbo'))
  assert.equal((await findInstalledModel(modelDir, 'nano'))?.folder, path.join(modelDir, 'nano'))
  rmSync(path.join(modelDir, 'turbo', 'vocoder.bin'))
  await assert.rejects(findInstalledModel(modelDir, 'auto'), /vocoder\.bin is missing/)
})

test('a bundle is not opened when a file is gone, short or changed, or its manifest is not one', async () => {
  const copy = path.join(root, 'damaged')
  const refresh = () => {
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(copy)
    for (const name of readdirSync(compiled)) copyFileSync(path.join(compiled, name), path.join(copy, name))
  }
  const manifestFile = path.join(copy, 'manifest.json')
  const cases: readonly (readonly [() => void, RegExp])[] = [
    [() => rmSync(path.join(copy, 't3.onnx')), /t3\.onnx is missing/],
    [() => truncateSync(path.join(copy, 't3.bin'), 1000), /t3\.bin has 1000 bytes instead of/],
    [() => rmSync(manifestFile), /it has no manifest\.json/],
    [() => writeFileSync(manifestFile, '{'), /is not JSON/],
    [() => writeFileSync(manifestFile, '{"format":1}'), /is not valid \(format/],
    [
      () => writeFileSync(manifestFile, readFileSync(manifestFile, 'utf8').replace('t3.onnx', '../t3.onnx')),
      /is not valid \(files/,
    ],
  ]
  for (const [damage, message] of cases) {
    refresh()
    damage()
    await assert.rejects(
      openBundle(copy),
      (error) => error instanceof BundleError && message.test(error.message),
      `${message}`,
    )
  }
  refresh()
  const bytes = readFileSync(path.join(copy, 'vocoder.bin'))
  bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000)
  writeFileSync(path.join(copy, 'vocoder.bin'), bytes)
  await assert.rejects(verifyBundle(await openBundle(copy), signal), /vocoder\.bin is damaged/)
})
