// Every encoder: streamed against whole, byte for byte; decoded against encoded, length and sound; and the heads that
// only the end can fill in.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { decodeFile } from '../../../src/audio/decode/decode-file.ts'
import { createEncoder, encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { AUDIO_FORMATS, type AudioFormat } from '../../../src/audio/formats.ts'
import { concatBytes, toInt16, toLittleEndian } from '../../../src/audio/pcm.ts'
import { resample } from '../../../src/audio/resample.ts'
import { harmonicTone, type Signal, seededRandom, signalToNoiseDb } from '../../harness/signals.ts'

const RATE = 24_000

/** Bytes at the front of a file in which streamed and whole may differ. */
const HEAD_BYTES: Readonly<Record<AudioFormat, number>> = { wav: 44, mp3: 192, ogg: 0, flac: 42, pcm: 0 }
/** Least signal-to-noise ratio of a steady tone, in dB. */
const FIDELITY_DB = { wav: 80, mp3: 20, ogg: 20, flac: 80 } as const

async function streamed(samples: Signal, format: AudioFormat, cut: () => number): Promise<Uint8Array> {
  using encoder = await createEncoder(format, RATE)
  const blocks: Uint8Array[] = []
  for (let at = 0; at < samples.length; ) {
    const end = at + cut()
    blocks.push(Uint8Array.from(await encoder.encode(samples.subarray(at, end))))
    at = end
  }
  return concatBytes([...blocks, await encoder.finish()])
}

async function decoded(file: Uint8Array): Promise<Float32Array> {
  const answer = await decodeFile(file, 60)
  assert.equal(answer.kind, 'recording')
  const { samples, sampleRate } = answer.recording
  return sampleRate === RATE ? samples : resample(samples, sampleRate, RATE)
}

for (const format of AUDIO_FORMATS) {
  test(`${format}: how the samples are cut does not change the file`, async () => {
    const samples = harmonicTone(130, 1.7, RATE)
    const random = seededRandom(11)
    const whole = await encodeAudio(samples, RATE, format)
    const first = await streamed(samples, format, () => 240)
    for (const cut of [() => samples.length, () => Math.floor(random() * 4_000), () => 1 + Math.floor(random() * 7)]) {
      assert.deepEqual(await streamed(samples, format, cut), first)
    }
    assert.deepEqual(first.subarray(HEAD_BYTES[format]), whole.subarray(HEAD_BYTES[format]))
    assert.deepEqual(await encodeAudio(samples, RATE, format), whole)
  })
}

for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
  test(`${format}: a whole file decodes to exactly the samples' length and sound`, async () => {
    for (const length of [1_000, 2_304, 4_800, 23_999, 24_000, 24_001, 40_007]) {
      const samples = harmonicTone(130, length / RATE, RATE)
      const result = await decoded(await encodeAudio(samples, RATE, format))
      assert.equal(result.length, length)
      if (length < RATE) continue
      const ratio = signalToNoiseDb(samples.subarray(2_000, -2_000), result.subarray(2_000, -2_000))
      assert.ok(ratio > FIDELITY_DB[format], `${ratio} dB`)
    }
  })
}

for (const format of ['wav', 'ogg', 'flac'] as const) {
  test(`${format}: a streamed file decodes to exactly the samples' length`, async () => {
    const samples = harmonicTone(130, 1.3333, RATE)
    assert.equal((await decoded(await streamed(samples, format, () => 1_234))).length, samples.length)
  })
}

test('mp3: a streamed file, whose head cannot know the end, decodes to less than 100 ms more', async () => {
  const samples = harmonicTone(130, 1.3333, RATE)
  const surplus = (await decoded(await streamed(samples, 'mp3', () => 1_234))).length - samples.length
  assert.ok(surplus >= 0 && surplus < 0.1 * RATE, `${surplus} samples`)
})

test('mp3: every sample rate of the format makes a file of the right length', async () => {
  for (const sampleRate of [8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000]) {
    const samples = harmonicTone(130, 0.7, sampleRate)
    const answer = await decodeFile(await encodeAudio(samples, sampleRate, 'mp3'), 60)
    assert.equal(answer.kind, 'recording')
    assert.deepEqual([answer.recording.sampleRate, answer.recording.samples.length], [sampleRate, samples.length])
  }
})

test('flac: the head of a whole file holds the number of samples and their MD5', async () => {
  const samples = harmonicTone(130, 1, RATE)
  const file = Buffer.from(await encodeAudio(samples, RATE, 'flac'))
  assert.equal(file.toString('latin1', 0, 4), 'fLaC')
  assert.equal(file.readUIntBE(21, 5) & 0xffff_ffff, samples.length)
  const md5 = createHash('md5')
    .update(toLittleEndian(toInt16(samples)))
    .digest()
  assert.deepEqual(file.subarray(26, 42), md5)
})

test('ogg: pages are numbered, the first and last are marked, the checksums hold', async () => {
  const file = Buffer.from(await encodeAudio(harmonicTone(130, 1, RATE), RATE, 'ogg'))
  const flags: number[] = []
  for (let at = 0; at < file.length; ) {
    assert.equal(file.toString('latin1', at, at + 4), 'OggS')
    assert.equal(file.readUInt32LE(at + 18), flags.length)
    flags.push(file.readUInt8(at + 5))
    const lacing = file.subarray(at + 27, at + 27 + file.readUInt8(at + 26))
    const end = at + 27 + lacing.length + lacing.reduce((sum, length) => sum + length, 0)
    const page = Buffer.from(file.subarray(at, end))
    page.writeUInt32LE(0, 22)
    assert.equal(file.readUInt32LE(at + 22), crcBitByBit(page))
    at = end
  }
  assert.deepEqual([flags[0], flags.at(-1)], [2, 4])
  assert.ok(flags.slice(1, -1).every((flag) => flag === 0))
})

/** RFC 3533: polynomial 04C11DB7, nothing reflected, nothing inverted. */
function crcBitByBit(bytes: Uint8Array): number {
  let remainder = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const overflow = (remainder >>> 31) ^ ((byte >> bit) & 1)
      remainder = ((remainder << 1) ^ (overflow ? 0x04c11db7 : 0)) >>> 0
    }
  }
  return remainder
}

test('an encoder of a rate that its format has not is a bug, and says which', async () => {
  await assert.rejects(createEncoder('mp3', 25_000), /25000 Hz/)
  await assert.rejects(createEncoder('ogg', 44_100), /44100 Hz/)
})

test('NaN, infinities and overload become a file that decodes to finite samples', async () => {
  const samples = harmonicTone(130, 0.5, RATE)
  samples.set([Number.NaN, Infinity, -Infinity, 1e30, -1e30], 3_000)
  for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
    const result = await decoded(await encodeAudio(samples, RATE, format))
    assert.ok(result.every(Number.isFinite), format)
    const late = result.subarray(9_000, 11_000)
    assert.ok(
      late.some((value) => Math.abs(value) > 0.1),
      `${format} is silent after the bad samples`,
    )
  }
})

test('an encoder can be given up at any time, twice', async () => {
  for (const format of AUDIO_FORMATS) {
    const encoder = await createEncoder(format, RATE)
    await encoder.encode(harmonicTone(130, 0.3, RATE))
    encoder[Symbol.dispose]()
    encoder[Symbol.dispose]()
  }
})
