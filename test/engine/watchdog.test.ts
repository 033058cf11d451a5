// The watchdog of the engine process: what is stuck is found, what has no processor is left alone.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Piece } from '../../src/engine/engine.ts'
import { createEngineHandle } from '../../src/engine/engine-handle.ts'
import { createWatchdog } from '../../src/engine/watchdog.ts'
import { quietLog } from '../harness/quiet-log.ts'

const PATIENCE_MS = 400
const EVERY_MS = 100

/** A watchdog whose clock, and whose reading of the process, are the test's. */
function startWatchdog(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const seen = { asked: 0, gaveUp: 0 }
  let clockMs = 0
  let threads = new Map([['1', { ranMs: 0, isRunnable: true }]])
  const watchdog = createWatchdog({
    pid: 1,
    patienceMs: PATIENCE_MS,
    ask: () => seen.asked++,
    giveUp: () => seen.gaveUp++,
    readThreads: () => threads,
    now: () => clockMs,
  })
  t.after(() => watchdog.rest())
  watchdog.watch()
  /** One look, `lateMs` after its time, in which each thread ran for `ranMs`. */
  const look = ({ lateMs = 0, ranMs = EVERY_MS, isRunnable = true } = {}) => {
    clockMs += EVERY_MS + lateMs
    threads = new Map([...threads].map(([name, thread]) => [name, { ranMs: thread.ranMs + ranMs, isRunnable }]))
    t.mock.timers.tick(EVERY_MS)
  }
  return { watchdog, seen, look }
}

test('a process that runs and does not answer four questions is given up', (t) => {
  const { seen, look } = startWatchdog(t)
  for (let i = 0; i < 4; i++) look()
  assert.deepEqual(seen, { asked: 4, gaveUp: 0 })
  look()
  assert.equal(seen.gaveUp, 1)
})

test('a process that waits for what does not come is given up as soon', (t) => {
  const { seen, look } = startWatchdog(t)
  for (let i = 0; i < 5; i++) look({ ranMs: 0, isRunnable: false })
  assert.equal(seen.gaveUp, 1)
})

test('an answer forgets the silence before it', (t) => {
  const { watchdog, seen, look } = startWatchdog(t)
  for (let i = 0; i < 20; i++) {
    look()
    if (i % 3 === 0) watchdog.heard()
  }
  assert.equal(seen.gaveUp, 0)
})

test('a process that waits for a processor is not given up before it has had its time', (t) => {
  const { seen, look } = startWatchdog(t)
  for (let i = 0; i < 40; i++) look({ ranMs: 5 })
  assert.equal(seen.gaveUp, 0)
  for (let i = 0; i < 3; i++) look()
  assert.equal(seen.gaveUp, 1)
})

test('looks that come late, because the watcher had no processor, do not count', (t) => {
  const { seen, look } = startWatchdog(t)
  for (let i = 0; i < 40; i++) look({ lateMs: 80 })
  assert.equal(seen.gaveUp, 0)
  for (let i = 0; i < 4; i++) look()
  assert.equal(seen.gaveUp, 1)
})

const hasTaskset = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0
const skip = hasTaskset ? false : 'no taskset'

test('an engine that has to share its processor with a greedy other is not killed', { skip }, async (t) => {
  const crashes: string[] = []
  let pid = 0
  const engine = createEngineHandle({
    start: { model: 'preview' },
    idleSeconds: 0,
    stuckAfterSeconds: 0.4,
    entry: path.join(import.meta.dirname, 'scripted-engine-process.js'),
    onStart: (started) => {
      pid = started
    },
    onCrash: (_pid, why) => crashes.push(why),
    log: quietLog,
  })
  t.after(() => engine[Symbol.asyncDispose]())
  await engine.info()
  // A tenth of a processor: 100 ms of work take a second, twice as long as it may be silent.
  spawnSync('taskset', ['-acp', '0', String(pid)])
  spawnSync('renice', ['-n', '10', '-p', String(pid)])
  const other = spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
  t.after(() => other.kill('SIGKILL'))
  const samples: number[] = []
  const voice = { model: 'preview', version: 'scripted', tensors: {}, metadata: {} } as const
  const sampling = { temperature: 0.8, topP: 0.95, topK: 1000, minP: 0, repetitionPenalty: 1.2 }
  const piece: Piece = { text: 'compute 100', index: 0, voice, sampling, seed: 1 }
  for await (const chunk of engine.synthesize(piece, new AbortController().signal)) samples.push(...chunk.samples)
  assert.deepEqual([samples, crashes], [[100], []])
})
