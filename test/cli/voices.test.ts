import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { compileCheckpoint } from '../../src/compile/compile.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'
import { packageRoot } from '../../src/config.ts'
import { DEFAULT_VOICE_FILE } from '../../src/engine/bundle.ts'
import { readVoice, writeVoice } from '../../src/engine/voice-file.ts'
import { runCommand } from '../harness/command.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const root = await makeTemporaryFolder()
after(() => rm(root, { recursive: true }))
const recording = path.join(packageRoot, 'assets/reference.wav')
const modelDir = path.join(root, 'models')
const environment = { XDG_CACHE_HOME: path.join(root, 'cache'), MODEL_DIR: modelDir, ENGINE_THREADS: '1' }
const encoded = path.join(root, 'me.safetensors')
const run = (args: readonly string[], more = {}) => runCommand(args, { ...environment, ...more })
const speak = (voice?: string, more = {}) =>
  run(['speak', 'Hi.', '-q', '-o', '-', ...(voice === undefined ? [] : ['--voice', voice])], more)

before(async () => {
  const checkpoint = path.join(root, 'checkpoint')
  await mkdir(checkpoint)
  await mkdir(modelDir)
  writeSyntheticCheckpoint(checkpoint, 'turbo', TINY)
  await cp(path.join(packageRoot, 'test/fixtures/voice-conditionals.pt'), path.join(checkpoint, 'conds.pt'))
  const to = path.join(modelDir, 'turbo')
  await compileCheckpoint({ from: checkpoint, to, precision: 'int8' }, new AbortController().signal)
  const { code, stderr } = await run(['voices', 'encode', recording, '-o', encoded])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /me\.safetensors: a voice of \d+ kB for turbo, version [0-9a-f]{16}\n/)
})

test('an encoded voice speaks byte for byte as its recording does', async () => {
  const [byRecording, byVoice] = [await speak(recording), await speak(encoded)]
  assert.equal(byVoice.code, 0, byVoice.stderr)
  assert.ok(byVoice.stdout.length > 10_000)
  assert.deepEqual(byVoice.stdout, byRecording.stdout)
})

test('without a voice, the one that came with the model speaks', async () => {
  const own = path.join(modelDir, 'turbo', DEFAULT_VOICE_FILE)
  const [byDefault, byFile] = [await speak(), await speak(own)]
  assert.equal(byDefault.code, 0, byDefault.stderr)
  assert.deepEqual(byDefault.stdout, byFile.stdout)
  assert.notDeepEqual(byDefault.stdout, (await speak(recording)).stdout)
})

test('a voice of another model, and one that the model cannot have made, are refused in words', async () => {
  const elsewhere = await speak(encoded, { MODEL: 'preview' })
  assert.equal(elsewhere.code, 1)
  assert.match(elsewhere.stderr, /^error: .*made by turbo, version [0-9a-f]{16}; this is preview/)
  const voice = readVoice(await readFile(encoded))
  const speaker = { dtype: 'F32', shape: [1, 33], data: new Float32Array(33).fill(0.1) } as const
  const hostile = path.join(root, 'hostile.safetensors')
  await writeFile(hostile, writeVoice({ ...voice, tensors: { ...voice.tensors, 't3.speaker_emb': speaker } }))
  const refused = await speak(hostile)
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /^error: This voice file cannot be used: its t3\.speaker_emb is not what this model makes/,
  )
})
