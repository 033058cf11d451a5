// WAV and bare PCM out: the header's numbers, the 16 bit samples, and streamed against whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeWav } from '../../../src/audio/decode/wav.ts'
import { createEncoder, encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { concatBytes } from '../../../src/audio/pcm.ts'
import { harmonicTone } from '../../harness/signals.ts'

test('a whole WAV file states its true sizes', async () => {
  const file = Buffer.from(await encodeAudio(new Float32Array(1000), 24_000, 'wav'))
  assert.equal(file.length, 2044)
  assert.equal(file.toString('latin1', 0, 4) + file.toString('latin1', 8, 16), 'RIFFWAVEfmt ')
  assert.equal(file.readUInt32LE(4), 2036)
  assert.deepEqual([file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24)], [1, 1, 24_000])
  assert.deepEqual([file.readUInt32LE(28), file.readUInt16LE(32), file.readUInt16LE(34)], [48_000, 2, 16])
  assert.equal(file.readUInt32LE(40), 2000)
})

test('a streamed WAV differs from the whole one in its two sizes only', async () => {
  const samples = harmonicTone(150, 0.2, 24_000)
  using encoder = await createEncoder('wav', 24_000)
  const blocks: Uint8Array[] = []
  for (let i = 0; i < samples.length; i += 777) blocks.push(await encoder.encode(samples.subarray(i, i + 777)))
  const streamed = Buffer.from(concatBytes([...blocks, await encoder.finish()]))
  assert.equal(streamed.readUInt32LE(4), 0xffffffff)
  assert.equal(streamed.readUInt32LE(40), 0xffffffff)
  const whole = Buffer.from(await encodeAudio(samples, 24_000, 'wav'))
  whole.writeUInt32LE(0xffffffff, 4)
  whole.writeUInt32LE(0xffffffff, 40)
  assert.deepEqual(streamed, whole)
  assert.equal(decodeWav(streamed, 10).samples.length, samples.length)
})

test('16 bit samples survive encoding and decoding bit by bit', async () => {
  const samples = Float32Array.from({ length: 65_536 }, (_, i) => (i - 32_768) / 32_768)
  const file = await encodeAudio(samples, 8_000, 'wav')
  assert.deepEqual(decodeWav(file, 60).samples, samples)
  assert.deepEqual(await encodeAudio(decodeWav(file, 60).samples, 8_000, 'wav'), file)
})

test('samples over full scale are clamped, NaN becomes silence', async () => {
  const pcm = Buffer.from(await encodeAudio(Float32Array.of(2, -2, Number.NaN, Infinity, -Infinity, 1), 24_000, 'pcm'))
  const values = Array.from({ length: 6 }, (_, i) => pcm.readInt16LE(2 * i))
  assert.deepEqual(values, [32_767, -32_768, 0, 32_767, -32_768, 32_767])
})

test('an encoder that got no samples still makes a file', async () => {
  using encoder = await createEncoder('wav', 24_000)
  assert.equal((await encoder.finish()).length, 44)
  assert.equal((await encodeAudio(new Float32Array(), 24_000, 'pcm')).length, 0)
})
