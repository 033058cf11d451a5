// Decoding from outside: every container to the samples that were encoded, and the thread's deadline, caps and
// refusals.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AudioInputError, type AudioInputReason } from '../../../src/audio/audio-input-error.ts'
import { decodeAndCheck, decodeAudio } from '../../../src/audio/decode/decode.ts'
import { encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { checkRecording } from '../../../src/audio/recording-check.ts'
import { resample } from '../../../src/audio/resample.ts'
import { packageRoot } from '../../../src/config.ts'
import { seededRandom, signalToNoiseDb, silence } from '../../harness/signals.ts'
import { makeCorpus } from '../corpus.ts'
import { wavFile } from '../wav-files.ts'

const LIMITS = { maxSeconds: 60, cpuMs: 60_000 }
const never = new AbortController().signal
const corpus = await makeCorpus(1.3)

const refusedAs =
  (reason: AudioInputReason, message = /\.$/) =>
  (error: unknown) =>
    error instanceof AudioInputError && error.reason === reason && message.test(error.message)

for (const file of corpus) {
  test(`${file.name} decodes to what was encoded, at its full length`, async () => {
    const bytes = Uint8Array.from(file.bytes)
    const recording = await decodeAudio(bytes, LIMITS, never)
    assert.deepEqual(bytes, Uint8Array.from(file.bytes), 'the caller keeps its bytes')
    assert.equal(recording.container, file.container)
    // Opus always decodes at 48 kHz, whatever went in.
    const samples =
      recording.sampleRate === file.sampleRate
        ? recording.samples
        : resample(recording.samples, recording.sampleRate, file.sampleRate)
    // Matroska has times in milliseconds: FFmpeg drops up to one short block of Vorbis (128 samples) that starts before
    // 0.
    const missing = file.samples.length - samples.length
    assert.ok(missing === 0 || (file.container === 'webm' && missing === 128), `${missing} samples are missing`)
    const ratio = signalToNoiseDb(file.samples.subarray(missing), samples)
    assert.ok(ratio > file.fidelityDb, `${ratio.toFixed(1)} dB`)
  })
}

for (const { name, bytes, container } of corpus.filter((file) => ['wav', 'flac', 'mp3'].includes(file.container))) {
  test(`half of a file (${name}) is refused as cut off`, async () => {
    const half = bytes.subarray(0, Math.floor(bytes.length * 0.5))
    await assert.rejects(
      decodeAudio(half, LIMITS, never),
      refusedAs('truncated', new RegExp(`${container}.*cut off`, 'i')),
    )
  })
}

// The others are muxed in pages of a second, of which half a file holds none.
for (const { name, bytes } of corpus.filter((file) => ['Ogg Opus', 'WebM with Opus'].includes(file.name))) {
  test(`what is left of half a file (${name}), which states no length, is taken`, async () => {
    const { samples, sampleRate } = await decodeAudio(bytes.subarray(0, Math.floor(bytes.length * 0.6)), LIMITS, never)
    assert.ok(
      samples.length > 0.2 * sampleRate && samples.length < 1.1 * sampleRate,
      `${samples.length / sampleRate} s`,
    )
  })
}

test('decoding with a check gives what decoding and checking give, and the bundled voice passes', async () => {
  const file = await readFile(path.join(packageRoot, 'assets/reference.wav'))
  const { recording, check } = await decodeAndCheck(file, LIMITS, never)
  assert.deepEqual(recording, await decodeAudio(file, LIMITS, never))
  assert.deepEqual(check, checkRecording(recording.samples, recording.sampleRate))
  assert.deepEqual([check.problems, check.warnings], [[], []])
})

test('what is no audio is refused as such', async () => {
  const random = seededRandom(3)
  for (const bytes of [
    new Uint8Array(),
    Buffer.from('ab'),
    new Uint8Array(100_000),
    Buffer.from('<!doctype html><html><body>Not found</body></html>'),
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    Uint8Array.from({ length: 50_000 }, () => random() * 128),
  ]) {
    await assert.rejects(decodeAudio(bytes, LIMITS, never), refusedAs('not_audio'))
  }
})

test('a file that only begins like a container is refused as damaged', async () => {
  const random = seededRandom(4)
  for (const start of ['fLaC', 'OggS']) {
    const bytes = Uint8Array.from({ length: 60_000 }, () => random() * 256)
    bytes.set(Buffer.from(start))
    await assert.rejects(decodeAudio(bytes, LIMITS, never), (error) => {
      return error instanceof AudioInputError && ['corrupt', 'not_audio', 'empty'].includes(error.reason)
    })
  }
})

test('a recording over the cap is refused, one just under it is not', async () => {
  const samples = silence(2, 24_000).fill(0.1)
  for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
    const file = await encodeAudio(samples, 24_000, format)
    await assert.rejects(decodeAudio(file, { ...LIMITS, maxSeconds: 1.9 }, never), refusedAs('too_long'))
    assert.ok(await decodeAudio(file, { ...LIMITS, maxSeconds: 2 }, never))
  }
})

test('work over the budget is ended and refused as too slow', async () => {
  const file = wavFile({ data: Buffer.alloc(16 * 2 ** 20), sampleRate: 384_000 })
  await assert.rejects(decodeAudio(file, { ...LIMITS, cpuMs: 5 }, never), refusedAs('too_slow'))
})

test('an abort ends the work with its reason, before the start and during it', async () => {
  const file = wavFile({ data: Buffer.alloc(16 * 2 ** 20), sampleRate: 384_000 })
  const reason = new Error('the client left')
  await assert.rejects(decodeAudio(file, LIMITS, AbortSignal.abort(reason)), reason)
  const leaving = new AbortController()
  const decoding = decodeAudio(file, LIMITS, leaving.signal)
  leaving.abort(reason)
  await assert.rejects(decoding, reason)
})

test('more files than threads are all decoded, and one that gives up waiting leaves its place to the next', async () => {
  const file = wavFile({ data: Buffer.alloc(48_000) })
  const callers = Array.from({ length: 12 }, () => new AbortController())
  const all = callers.map(({ signal }) => decodeAudio(file, LIMITS, signal))
  callers[7]?.abort()
  const results = await Promise.allSettled(all)
  assert.deepEqual(
    results.map(({ status }) => status),
    results.map((_, i) => (i === 7 ? 'rejected' : 'fulfilled')),
  )
})

test('a recording that nobody holds any more is freed, although its signal lives on', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const living = new AbortController()
  const recording = new WeakRef(await decodeAudio(wavFile({ data: Buffer.alloc(48_000) }), LIMITS, living.signal))
  for (let round = 0; round < 20 && recording.deref(); round++) {
    await setImmediate()
    collectGarbage()
  }
  assert.equal(recording.deref(), undefined)
  assert.equal(living.signal.aborted, false)
})
