// A model that is installed while a server runs: what speaks and what encodes voices stay one model until the server is started again.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { concatSamples } from '../../src/audio/pcm.ts'
import { compileCheckpoint } from '../../src/compile/compile.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { linkVersion } from '../../src/compile/place-bundle.ts'
import { writeSyntheticCheckpoint } from '../../src/compile/synthetic/synthetic.ts'
import { chooseEngine } from '../../src/engine/choose-engine.ts'
import type { Engine, Voice } from '../../src/engine/engine.ts'
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { AppError } from '../../src/errors.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeVoice } from '../harness/synthetic-voice.ts'

const root = mkdtempSync(path.join(tmpdir(), 'replaced-'))
after(() => rmSync(root, { recursive: true }))
const modelDir = path.join(root, 'models')
const never = new AbortController().signal
const recording = {
  samples: makeVoice({ seconds: 6, sampleRate: 16000, pitchHz: 120, formantsHz: [600, 1200, 2500] }),
  sampleRate: 16000,
  normLoudness: true,
}
const checkpoint = path.join(root, 'checkpoint')
type Precision = 'int8' | 'fp32'
const versions: Record<Precision, string> = { int8: '', fp32: '' }

before(async () => {
  mkdirSync(checkpoint)
  mkdirSync(modelDir)
  writeSyntheticCheckpoint(checkpoint, 'turbo', TINY)
  for (const precision of ['int8', 'fp32'] as const)
    versions[precision] = (
      await compileCheckpoint({ from: checkpoint, to: path.join(root, precision), precision }, never)
    ).version
})

/** What `chatterbox pull` does in the end; returns the folder. */
async function install(precision: Precision): Promise<string> {
  const work = path.join(modelDir, 'turbo.partial')
  cpSync(path.join(root, precision), work, { recursive: true })
  await linkVersion(work, path.join(modelDir, 'turbo'), versions[precision])
  return realpathSync(path.join(modelDir, 'turbo'))
}

/** An engine as a server starts it; its process exits as soon as it has nothing to do. */
async function startServing(t: TestContext, pids: number[]): Promise<Engine> {
  const engine = createEngineHandle({
    start: await chooseEngine({ model: 'auto', modelDir, threads: 1 }),
    idleSeconds: 0.05,
    onStart: (pid) => pids.push(pid),
    onCrash: (_pid, why) => assert.fail(why),
    log: quietLog,
  })
  t.after(() => engine[Symbol.asyncDispose]())
  return engine
}

async function speak(engine: Engine, voice: Voice): Promise<Float32Array> {
  const chunks: Float32Array[] = []
  const sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
  for await (const { samples } of engine.synthesize({ text: 'Hi.', index: 0, voice, sampling, seed: 1 }, never))
    chunks.push(samples)
  return concatSamples(chunks)
}

/** Waits for the process to exit: the next call needs a new one. */
async function untilGone(pid: number): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await delay(10)) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
  }
  assert.fail(`process ${pid} never exited`)
}

test('a running engine goes on with its model: the same voices and bytes, in a new process too', async (t) => {
  await install('int8')
  const pids: number[] = []
  const engine = await startServing(t, pids)
  const voice = await engine.encodeVoice(recording, never)
  const samples = await speak(engine, voice)

  await install('fp32')
  for (let round = 0; round < 2; round++) {
    await untilGone(pids.at(-1) ?? 0)
    assert.equal((await engine.info()).version, versions.int8)
    assert.deepEqual(await engine.encodeVoice(recording, never), voice)
    assert.deepEqual(await speak(engine, voice), samples)
  }
  assert.ok(pids.length >= 3)
  const restarted = await startServing(t, [])
  assert.equal((await restarted.encodeVoice(recording, never)).version, versions.fp32)
})

test('an engine whose folder now holds another model refuses, in the process that runs and in the next', async (t) => {
  const folder = await install('int8')
  const pids: number[] = []
  const engine = await startServing(t, pids)
  const voice = await engine.encodeVoice(recording, never)
  const isRefusal = (error: unknown) =>
    error instanceof AppError && error.code === 'unavailable' && /has to be restarted/.test(error.message)

  // By hand, in the place of the old one; `pull` would not do that.
  rmSync(folder, { recursive: true })
  cpSync(path.join(root, 'fp32'), folder, { recursive: true })
  await assert.rejects(engine.encodeVoice(recording, never), isRefusal)
  await untilGone(pids.at(-1) ?? 0)
  await assert.rejects(engine.encodeVoice(recording, never), isRefusal)
  await assert.rejects(speak(engine, voice), isRefusal)
  assert.equal((await engine.info()).version, versions.int8)
})
