import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { BundleError } from '../../src/engine/bundle.ts'
import { chooseEngine } from '../../src/engine/choose-engine.ts'
import type { Piece } from '../../src/engine/engine.ts'
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeVoice } from '../harness/synthetic-voice.ts'
import { makeTinyBundle, type TinyBundle } from '../harness/tiny-bundle.ts'

const modelDir = mkdtempSync(path.join(tmpdir(), 'models-'))
let bundle: TinyBundle
before(async () => {
  bundle = await makeTinyBundle('nano')
  cpSync(bundle.folder, path.join(modelDir, 'nano'), { recursive: true })
})
after(() => {
  bundle[Symbol.dispose]()
  rmSync(modelDir, { recursive: true })
})

const nowhere = path.join(modelDir, 'empty')

test('auto takes what is installed, else the preview', async () => {
  const folder = path.join(modelDir, 'nano')
  assert.deepEqual(await chooseEngine({ model: 'auto', modelDir, threads: 1 }), { model: 'nano', folder, threads: 1 })
  assert.deepEqual(await chooseEngine({ model: 'auto', modelDir: nowhere, threads: 1 }), { model: 'preview' })
  assert.deepEqual(await chooseEngine({ model: 'preview', modelDir, threads: 1 }), { model: 'preview' })
})

test('a model asked for by name that is not there is an error, never the preview', async () => {
  await assert.rejects(chooseEngine({ model: 'turbo', modelDir, threads: 1 }), BundleError)
})

test('a damaged model is an error, not passed over', async () => {
  const damaged = path.join(modelDir, 'damaged')
  cpSync(bundle.folder, path.join(damaged, 'turbo'), { recursive: true })
  truncateSync(path.join(damaged, 'turbo', 't3.bin'), 10)
  await assert.rejects(chooseEngine({ model: 'auto', modelDir: damaged, threads: 1 }), /t3\.bin has 10 bytes/)
})

test('the chosen model speaks in a process of its own', async () => {
  await using engine = createEngineHandle({
    start: await chooseEngine({ model: 'auto', modelDir, threads: 1 }),
    idleSeconds: 0,
    onStart: () => {},
    onCrash: (_pid, why) => assert.fail(why),
    log: quietLog,
  })
  const signal = new AbortController().signal
  const samples = makeVoice({ seconds: 6, sampleRate: 24000, pitchHz: 120, formantsHz: [600, 1200, 2500] })
  const voice = await engine.encodeVoice({ samples, sampleRate: 24000, normLoudness: true }, signal)
  const piece: Piece = {
    text: 'Hi.',
    index: 0,
    voice,
    sampling: { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 },
    seed: 1,
  }
  let spoken = 0
  for await (const chunk of engine.synthesize(piece, signal)) spoken += chunk.samples.length
  assert.deepEqual([(await engine.info()).model, voice.model, spoken], ['nano', 'nano', 960 * (106 + 3)])
})
