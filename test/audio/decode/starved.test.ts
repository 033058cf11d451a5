// Decoding where there is little processor to do it with: what a file may cost is counted in processor time, and its sender is
// not blamed for the machine.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { AudioInputError } from '../../../src/audio/audio-input-error.ts'
import { decodeAudio } from '../../../src/audio/decode/decode.ts'
import { estimateCpu, startBudget } from '../../../src/audio/decode/processor-budget.ts'
import { encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { AppError } from '../../../src/errors.ts'
import { readProcessCpuMs } from '../../../src/processor-time.ts'
import { speechLike } from '../../harness/signals.ts'
import { makeTemporaryFolder } from '../../harness/temporary-folder.ts'

const run = promisify(execFile)
const skip = process.platform === 'linux' ? false : 'only Linux tells what a thread has had'
const never = new AbortController().signal
const folder = await makeTemporaryFolder()
const oldPath = process.env.PATH
after(async () => {
  process.env.PATH = oldPath
  await rm(folder, { recursive: true })
})
// The head of an M4A, so that FFmpeg is asked.
const m4a = Buffer.from('0000001c667479704d344120000000004d3441206d70343269736f6d', 'hex')

const isTooSlow = (error: unknown) => error instanceof AudioInputError && error.reason === 'too_slow'
const isBusy = (error: unknown) =>
  error instanceof AppError && error.code === 'unavailable' && error.retryAfterSeconds === 5

/** Puts a program of ours where FFmpeg is looked for. */
async function standIn(script: string): Promise<void> {
  await writeFile(path.join(folder, 'ffmpeg'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  process.env.PATH = `${folder}:${oldPath}`
}

test('a recording is decoded although the process stood still for longer than decoding may take', {
  skip,
}, async () => {
  const { stdout } = await run(process.execPath, [path.join(import.meta.dirname, 'starved-decoder.js')])
  assert.equal(stdout.trim(), String((16 * 2 ** 20) / 2))
})

test('a converter that waits longer than it may compute is waited for', { skip }, async () => {
  const wav = path.join(folder, 'speech.wav')
  await writeFile(wav, await encodeAudio(speechLike(1, 24_000), 24_000, 'wav'))
  await standIn(`cat >/dev/null; sleep 1.2; cat ${wav}`)
  const { samples, container } = await decodeAudio(m4a, { maxSeconds: 60, cpuMs: 1000 }, never)
  assert.deepEqual([samples.length, container], [24_000, 'mp4'])
})

test('a converter that computes for longer than it may is ended, and the file refused', { skip }, async () => {
  await standIn('while :; do :; done')
  await assert.rejects(decodeAudio(m4a, { maxSeconds: 60, cpuMs: 700 }, never), isTooSlow)
})

test('where nothing moves, the caller is told to come back and not that the file is bad', async () => {
  await standIn('exec sleep 60')
  await assert.rejects(decodeAudio(m4a, { maxSeconds: 60, cpuMs: 20_000, clockMs: 500 }, never), isBusy)
})

test('all decoders of a file share its budget, those that have ended too', async () => {
  using budget = startBudget({ cpuMs: 60 }, never)
  let first: number | undefined = 40
  const charge = budget.charge(() => first)
  charge[Symbol.dispose]()
  first = undefined
  using _second = budget.charge(() => 20)
  await new Promise((resolve) => budget.signal.addEventListener('abort', resolve))
  assert.ok(isTooSlow(budget.signal.reason))
})

test('where threads are not told apart, each is charged an even share of the process', () => {
  const [alone, amongThree] = [estimateCpu(() => 1), estimateCpu(() => 3)]
  const before = process.cpuUsage().user
  while (process.cpuUsage().user - before < 50_000);
  const [one = 0, three = 0] = [alone(), amongThree()]
  assert.ok(one >= 25 && three >= 12 && three < one, `${one} and ${three} ms`)
})

test('the processor time of a process is its own', { skip }, () => {
  const { user, system } = process.cpuUsage()
  const told = readProcessCpuMs(process.pid) ?? 0
  const known = (user + system) / 1000
  assert.ok(told >= known - 20 && told < known + 200, `${told} against ${known} ms`)
})
