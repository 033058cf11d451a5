// The FFmpeg beside us: what it converts where it is installed, what is said where it is not, and that it never
// outlives its welcome.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { AudioInputError, type AudioInputReason } from '../../../src/audio/audio-input-error.ts'
import type { Container } from '../../../src/audio/decode/container.ts'
import { decodeAudio } from '../../../src/audio/decode/decode.ts'
import { convertToWav } from '../../../src/audio/decode/ffmpeg.ts'
import { encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { type Signal, speechLike } from '../../harness/signals.ts'

const RATE = 24_000
const LIMITS = { maxSeconds: 20, cpuMs: 60_000 }
const MP4: Container = { name: 'mp4', reader: 'ffmpeg', demuxer: 'mov' }
const never = new AbortController().signal
const skip = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'no ffmpeg on PATH'

const folder = await mkdtemp(path.join(tmpdir(), 'ffmpeg-test-'))
after(() => rm(folder, { recursive: true }))

const refusedAs =
  (reason: AudioInputReason, message = /\.$/) =>
  (error: unknown) =>
    error instanceof AudioInputError && error.reason === reason && message.test(error.message)

async function madeByFfmpeg(samples: Signal, fileName: string, ...options: string[]): Promise<Uint8Array> {
  const [source, target] = [path.join(folder, 'source.wav'), path.join(folder, fileName)]
  await writeFile(source, await encodeAudio(samples, RATE, 'wav'))
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-y', '-i', source, ...options, target])
  assert.equal(status, 0, String(stderr))
  return readFile(target)
}

/** Where the loudest correlation lies, and how good it is: lossy codecs shift and change samples. */
function correlation(expected: Float32Array, actual: Float32Array, lag: number): number {
  let [product, a, b] = [0, 0, 0]
  for (let i = 4_000; i < 12_000; i++) {
    const [x, y] = [expected[i] ?? 0, actual[i + lag] ?? 0]
    product += x * y
    a += x * x
    b += y * y
  }
  return product / Math.sqrt(a * b)
}

for (const [fileName, container, options] of [
  ['last-index.m4a', 'mp4', ['-c:a', 'aac']],
  ['first-index.m4a', 'mp4', ['-c:a', 'aac', '-movflags', '+faststart']],
  ['fragments.mp4', 'mp4', ['-c:a', 'aac', '-movflags', 'frag_keyframe+empty_moov']],
  ['stereo.mov', 'mp4', ['-c:a', 'aac', '-ac', '2']],
  ['lossless.m4a', 'mp4', ['-c:a', 'alac']],
  ['stream.aac', 'aac', ['-c:a', 'aac']],
  ['mac.aiff', 'aiff', []],
] as const) {
  test(`${fileName} decodes to what was encoded`, { skip }, async () => {
    const samples = speechLike(2, RATE)
    const file = await madeByFfmpeg(samples, fileName, ...options)
    const recording = await decodeAudio(file, LIMITS, never)
    assert.deepEqual([recording.container, recording.sampleRate], [container, RATE])
    // AAC has blocks of 1,024 samples: up to two of them may be added.
    const surplus = recording.samples.length - samples.length
    assert.ok(surplus >= -1 && surplus <= 2_048, `${surplus} samples more`)
    const best = Math.max(...Array.from({ length: 2_049 }, (_, lag) => correlation(samples, recording.samples, lag)))
    assert.ok(best > 0.98, `correlation ${best}`)
  })
}

test('half an M4A is refused, whether its index was in it or not', { skip }, async () => {
  const samples = speechLike(4, RATE)
  const half = (file: Uint8Array) => file.subarray(0, file.length / 2)
  const indexed = half(await madeByFfmpeg(samples, 'half.m4a', '-c:a', 'aac', '-movflags', '+faststart'))
  await assert.rejects(decodeAudio(indexed, LIMITS, never), refusedAs('truncated', /mp4 file is cut off/))
  const unindexed = half(await madeByFfmpeg(samples, 'half.m4a', '-c:a', 'aac'))
  await assert.rejects(decodeAudio(unindexed, LIMITS, never), refusedAs('corrupt', /mp4 file is damaged/))
})

test('a recording over the cap is refused, one just under it is not', { skip }, async () => {
  const file = await madeByFfmpeg(speechLike(3, RATE), 'long.aiff')
  await assert.rejects(decodeAudio(file, { ...LIMITS, maxSeconds: 2 }, never), refusedAs('too_long'))
  assert.equal((await decodeAudio(file, { ...LIMITS, maxSeconds: 3 }, never)).samples.length, 3 * RATE)
})

test('a playlist that names another file is not followed', { skip }, async () => {
  await writeFile(path.join(folder, 'secret.wav'), await encodeAudio(speechLike(2, RATE), RATE, 'wav'))
  const playlist = Buffer.from(`ffconcat version 1.0\nfile '${path.join(folder, 'secret.wav')}'\n`)
  for (const demuxer of ['mov', 'aac', 'aiff', 'asf', 'amr']) {
    await assert.rejects(convertToWav(playlist, { ...MP4, demuxer }, 20, never), refusedAs('corrupt'))
  }
  await assert.rejects(convertToWav(playlist, { ...MP4, demuxer: 'concat' }, 20, never), refusedAs('corrupt'))
})

test('without FFmpeg the refusal names what works, and what to install', async () => {
  await assert.rejects(
    convertToWav(Buffer.from('bytes'), MP4, 20, never, { command: 'ffmpeg-that-nobody-has' }),
    refusedAs(
      'unsupported',
      /^Recordings in mp4 .* Send WAV, MP3, FLAC or Ogg, or put `ffmpeg` on the server's PATH\.$/,
    ),
  )
})

/** A program in FFmpeg's place, for what a real one does too seldom. */
async function command(name: string, script: string): Promise<string> {
  const file = path.join(folder, name)
  await writeFile(file, `#!${process.execPath}\n${script}\n`, { mode: 0o755 })
  return file
}

test('a child that writes without end is killed when it has written what a recording may hold', async () => {
  // A full pipe answers EAGAIN where it does not block.
  const endless = await command('endless', `for (;;) try { require('fs').writeSync(1, Buffer.alloc(65536)) } catch {}`)
  await assert.rejects(convertToWav(new Uint8Array(), MP4, 20, never, { command: endless }), refusedAs('too_long'))
})

test('a child that hangs is killed on abort, with the reason of the abort', async () => {
  const pidFile = path.join(folder, 'pid')
  const hanging = await command(
    'hanging',
    `const fs = require('fs'); fs.writeFileSync('${pidFile}.part', String(process.pid));
     fs.renameSync('${pidFile}.part', '${pidFile}'); setInterval(() => {}, 1000)`,
  )
  const leaving = new AbortController()
  const reason = new Error('the client left')
  const converting = assert.rejects(
    convertToWav(new Uint8Array(10_000_000), MP4, 20, leaving.signal, { command: hanging }),
    reason,
  )
  const pid = await readPid(pidFile)
  leaving.abort(reason)
  await converting
  await gone(pid)
})

async function readPid(file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text) return Number(text)
  }
}

/** Resolves when the process has ended; a test that waits for ever is ended by the runner. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
