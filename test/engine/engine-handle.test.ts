import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Piece, Voice } from '../../src/engine/engine.ts'
import { createEngineHandle, type EngineHandleOptions } from '../../src/engine/engine-handle.ts'
import { AppError } from '../../src/errors.ts'
import { quietLog } from '../harness/quiet-log.ts'

const SCRIPTED = path.join(import.meta.dirname, 'scripted-engine-process.js')
const never = new AbortController().signal
const silence = { samples: new Float32Array(10), sampleRate: 24_000, normLoudness: true }
const voice: Voice = { model: 'preview', version: 'scripted', tensors: {}, metadata: {} }
const sampling = { temperature: 0.8, topP: 0.95, topK: 1000, minP: 0, repetitionPenalty: 1.2 }
const pieceOf = (text: string): Piece => ({ text, index: 0, voice, sampling, seed: 1 })

/** An engine handle on the scripted engine; disposed when the test ends. */
function startHandle(t: TestContext, options: Partial<EngineHandleOptions> = {}) {
  const started: number[] = []
  const crashes: string[] = []
  const engine = createEngineHandle({
    start: { model: 'preview' },
    idleSeconds: 0,
    entry: SCRIPTED,
    onStart: (pid) => started.push(pid),
    onCrash: (_pid, why) => crashes.push(why),
    log: quietLog,
    ...options,
  })
  t.after(() => engine[Symbol.asyncDispose]())
  const collect = async (text: string, signal: AbortSignal = never): Promise<number[]> => {
    const numbers: number[] = []
    for await (const { samples } of engine.synthesize(pieceOf(text), signal)) numbers.push(...samples)
    return numbers
  }
  const ask = async (what: string): Promise<string> => (await engine.encodeVoice(silence, never)).metadata[what] ?? ''
  return { engine, started, crashes, collect, ask, lastPid: () => started.at(-1) ?? 0 }
}

/** Whether a process exists and is no zombie waiting for its parent to look at it. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, 'utf8'))
}

async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await delay(5)) {
    if (await condition()) return
  }
  assert.fail(`never happened: ${what}`)
}

const isStopped = (error: unknown): boolean =>
  error instanceof AppError &&
  error.code === 'unavailable' &&
  error.message === 'The speech engine stopped while working on this request. Nothing was charged; try again.' &&
  error.retryAfterSeconds === 1

test('the process starts with the first call and serves all later ones', async (t) => {
  const { engine, started, collect } = startHandle(t)
  assert.equal(started.length, 0)
  assert.deepEqual(await engine.info(), { model: 'preview', version: 'scripted', sampleRate: 24_000, slots: 1 })
  assert.deepEqual(await collect('chunks 5'), [0, 1, 2, 3, 4])
  assert.deepEqual(await collect('chunks 0'), [])
  assert.equal(started.length, 1)
})

test('many calls at once start one process and get their own answers', async (t) => {
  const { started, collect } = startHandle(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => collect(`chunks ${i}`, new AbortController().signal)),
  )
  for (const [i, numbers] of answers.entries()) assert.deepEqual(numbers, [...Array(i).keys()])
  assert.equal(started.length, 1)
})

test('guards travel with the chunk they belong to', async (t) => {
  const { engine } = startHandle(t)
  const guards: (readonly string[])[] = []
  for await (const chunk of engine.synthesize(pieceOf('chunks 2'), never)) guards.push(chunk.guards)
  assert.deepEqual(guards, [['scripted'], []])
})

test('a refusal arrives as the refusal it was, a bug as a bug', async (t) => {
  const { collect, crashes } = startHandle(t)
  await assert.rejects(collect('refuse'), (error) => {
    return error instanceof AppError && error.code === 'invalid_parameter' && error.param === 'text'
  })
  await assert.rejects(collect('bug'), (error) => {
    return error instanceof Error && !(error instanceof AppError) && error.message === 'a tensor has the wrong shape'
  })
  assert.deepEqual(await collect('chunks 1'), [0])
  assert.deepEqual(crashes, [])
})

test('the process knows none of our environment', async (t) => {
  process.env.DATABASE_URL = 'postgres://user:secret@host/db'
  t.after(() => delete process.env.DATABASE_URL)
  const { ask } = startHandle(t)
  const environment = Object.keys(JSON.parse(await ask('environment')))
  assert.deepEqual(
    environment.filter((name) => !name.startsWith('NODE_CHANNEL')),
    ['GLIBC_TUNABLES'],
  )
})

test('the process is never more than two chunks ahead of the caller', async (t) => {
  const { engine, ask } = startHandle(t)
  const chunks = engine.synthesize(pieceOf('chunks 1000'), never)[Symbol.asyncIterator]()
  for (let taken = 1; taken <= 5; taken++) {
    await chunks.next()
    await eventually('it fills what may be ahead', async () => Number(await ask('chunksMade')) >= taken + 2)
    for (let i = 0; i < 10; i++) assert.equal(await ask('chunksMade'), String(taken + 2))
  }
  await chunks.return?.()
})

test('a caller that stops reading stops the work', async (t) => {
  const { engine, ask } = startHandle(t)
  for await (const { samples } of engine.synthesize(pieceOf('chunks 1000000'), never)) if (samples[0] === 3) break
  await eventually('the call ends in the process', async () => (await ask('running')) === '0')
})

test('an abort ends the call at once and the work within a step', async (t) => {
  const { engine, ask, collect, started } = startHandle(t)
  const abort = new AbortController()
  const chunks = engine.synthesize(pieceOf('chunks 1000000'), abort.signal)[Symbol.asyncIterator]()
  await chunks.next()
  abort.abort(new Error('the client has gone'))
  // The work ends even though nobody has asked for the next chunk yet.
  await eventually('the call ends in the process', async () => (await ask('running')) === '0')
  await assert.rejects(chunks.next(), /the client has gone/)
  assert.deepEqual(await collect('chunks 2'), [0, 1])
  assert.equal(started.length, 1)
})

test('a call that is aborted before it begins does not start anything', async (t) => {
  const { engine, started, collect } = startHandle(t)
  const aborted = AbortSignal.abort(new Error('too late'))
  await assert.rejects(collect('chunks 1', aborted), /too late/)
  await assert.rejects(engine.encodeVoice(silence, aborted), /too late/)
  assert.deepEqual(started, [])
})

test('a killed process fails exactly the calls in flight; the next call gets a new one', async (t) => {
  const { engine, started, crashes, collect, lastPid } = startHandle(t)
  assert.deepEqual(await collect('chunks 3'), [0, 1, 2])
  const first = engine.synthesize(pieceOf('chunks 100'), never)[Symbol.asyncIterator]()
  const second = engine.synthesize(pieceOf('chunks 100'), never)[Symbol.asyncIterator]()
  await Promise.all([first.next(), second.next()])
  process.kill(lastPid(), 'SIGKILL')
  const drain = async (chunks: AsyncIterator<unknown>): Promise<void> => {
    while (!(await chunks.next()).done);
  }
  await assert.rejects(drain(first), isStopped)
  await assert.rejects(drain(second), isStopped)
  assert.deepEqual(await collect('chunks 3'), [0, 1, 2])
  assert.equal(started.length, 2)
  assert.deepEqual(crashes, ['SIGKILL'])
})

test('a process killed while it starts, while it encodes or while it is idle is replaced', async (t) => {
  const { engine, started, collect, lastPid } = startHandle(t)
  const starting = collect('chunks 1')
  await eventually('a process is started', () => started.length === 1)
  process.kill(lastPid(), 'SIGKILL')
  await assert.rejects(starting, isStopped)

  await collect('chunks 1')
  process.kill(lastPid(), 'SIGSTOP') // so that it cannot answer before it dies
  const encoding = engine.encodeVoice(silence, never)
  await delay(0)
  process.kill(lastPid(), 'SIGKILL')
  await assert.rejects(encoding, isStopped)

  await collect('chunks 1')
  const idle = lastPid()
  process.kill(idle, 'SIGKILL')
  await eventually('the death is noticed', async () => {
    await collect('chunks 1').catch((error) => assert.ok(isStopped(error)))
    return lastPid() !== idle
  })
  assert.deepEqual(await collect('chunks 2'), [0, 1])
})

test('a process that keeps crashing is given a rest, and a success forgets its crashes', async (t) => {
  const { started, crashes, collect } = startHandle(t)
  await assert.rejects(collect('crash'), isStopped)
  assert.deepEqual(await collect('chunks 1'), [0])
  await assert.rejects(collect('crash'), isStopped)
  await assert.rejects(collect('crash'), isStopped)
  assert.equal(started.length, 3)
  await assert.rejects(collect('chunks 1'), (error) => {
    return error instanceof AppError && error.code === 'unavailable' && (error.retryAfterSeconds ?? 0) >= 1
  })
  assert.equal(started.length, 3)
  assert.equal(crashes.length, 3)
  await eventually('the rest is over', () =>
    collect('chunks 1').then(
      () => true,
      () => false,
    ),
  )
})

test('a process that cannot start fails the call instead of keeping it waiting', async (t) => {
  const missing = startHandle(t, { entry: path.join(import.meta.dirname, 'no-such-entry.js') })
  await assert.rejects(missing.collect('chunks 1'), isStopped)
  assert.deepEqual(missing.crashes, ['exit code 1'])
})

test('a process that does not come up in time is killed', async (t) => {
  const { started, crashes, collect, lastPid } = startHandle(t, { startTimeoutSeconds: 1 })
  const starting = collect('chunks 1')
  await eventually('a process is started', () => started.length === 1)
  process.kill(lastPid(), 'SIGSTOP')
  await assert.rejects(starting, isStopped)
  assert.deepEqual(crashes, ['it did not start in 1000 ms'])
})

test('a process stuck in a loop is killed, and whoever waits for it is told', async (t) => {
  const { crashes, collect, lastPid } = startHandle(t, { stuckAfterSeconds: 1 })
  await collect('chunks 1')
  const stuck = lastPid()
  await assert.rejects(Promise.all([collect('loop'), collect('chunks 5')]), isStopped)
  assert.deepEqual(crashes, ['it stopped answering'])
  assert.equal(isAlive(stuck), false)
  assert.deepEqual(await collect('chunks 1'), [0])
})

test('an idle process exits, and the next call starts another', async (t) => {
  const { started, crashes, collect, lastPid } = startHandle(t, { idleSeconds: 0.05 })
  await collect('chunks 1')
  const first = lastPid()
  await eventually('the process exits', () => !isAlive(first))
  assert.deepEqual(await collect('chunks 2'), [0, 1])
  assert.equal(started.length, 2)
  assert.deepEqual(crashes, [])
})

test('a process started only to be asked what it is exits when idle, too', async (t) => {
  const { engine, lastPid } = startHandle(t, { idleSeconds: 0.05 })
  await engine.info()
  await eventually('the process exits', () => !isAlive(lastPid()))
})

test('a process that works does not count as idle', async (t) => {
  const { engine, started } = startHandle(t, { idleSeconds: 0.02 })
  let seen = 0
  for await (const _ of engine.synthesize(pieceOf('chunks 10'), never)) {
    seen++
    await delay(10)
  }
  assert.equal(seen, 10)
  assert.equal(started.length, 1)
})

test('dispose waits until the process is gone, and fails what is in flight and what comes after', async (t) => {
  const { engine, collect, lastPid, crashes } = startHandle(t)
  const chunks = engine.synthesize(pieceOf('chunks 100'), never)[Symbol.asyncIterator]()
  await chunks.next()
  const rest = assert.rejects(async () => {
    while (!(await chunks.next()).done);
  }, isStopped)
  await engine[Symbol.asyncDispose]()
  assert.equal(isAlive(lastPid()), false)
  await rest
  await assert.rejects(collect('chunks 1'), (error) => error instanceof AppError && error.code === 'unavailable')
  assert.deepEqual(crashes, [])
})

test('dispose ends even a process that does not listen', async (t) => {
  const { engine, collect, lastPid } = startHandle(t)
  await collect('chunks 1')
  process.kill(lastPid(), 'SIGSTOP')
  await engine[Symbol.asyncDispose]()
  assert.equal(isAlive(lastPid()), false)
})

test('Ctrl-C, which reaches every process of the terminal, leaves the engine to its parent', async (t) => {
  const { collect, started, lastPid } = startHandle(t)
  await collect('chunks 1')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(lastPid(), signal)
  assert.deepEqual(await collect('chunks 2'), [0, 1])
  assert.equal(started.length, 1)
})

test('an engine process ends with its parent, even if that is killed', async (t) => {
  const parent = spawn(process.execPath, [path.join(import.meta.dirname, 'abandoned-parent.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => parent.kill('SIGKILL'))
  const lines: string[] = []
  for await (const line of createInterface(parent.stdout)) {
    lines.push(line)
    if (line === 'ready') break
  }
  const pid = Number(lines[0])
  assert.ok(isAlive(pid))
  parent.kill('SIGKILL')
  await eventually('the engine process exits', () => !isAlive(pid))
})
