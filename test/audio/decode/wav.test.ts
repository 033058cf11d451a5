// The WAV reader, sample by sample over every encoding, and refusal by refusal over everything a header can lie about.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AudioInputError, type AudioInputReason } from '../../../src/audio/audio-input-error.ts'
import { decodeWav } from '../../../src/audio/decode/wav.ts'
import { seededRandom } from '../../harness/signals.ts'
import { chunk, type WavFields, wavFile } from '../wav-files.ts'

const MAX_SECONDS = 60

interface Encoding {
  readonly name: string
  readonly formatTag: number
  readonly bitsPerSample: number
  /** Stored value → bytes; written here without the reader's help. */
  readonly write: (value: number) => Buffer
  readonly toSample: (value: number) => number
  readonly range: readonly [number, number]
}

const bytesOf = (length: number, write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(length)
  write(buffer)
  return buffer
}
const integer = (bits: number, bytes: number): Encoding => ({
  name: `PCM ${bits} bit`,
  formatTag: 1,
  bitsPerSample: bits,
  write: (value) => bytesOf(bytes, (buffer) => buffer.writeIntLE(value, 0, bytes)),
  toSample: (value) => Math.fround(value / 2 ** (8 * bytes - 1)),
  range: [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1],
})
const ENCODINGS: readonly Encoding[] = [
  {
    name: 'PCM 8 bit',
    formatTag: 1,
    bitsPerSample: 8,
    write: (value) => Buffer.of(value + 128),
    toSample: (value) => value / 128,
    range: [-128, 127],
  },
  integer(12, 2),
  integer(16, 2),
  integer(20, 3),
  integer(24, 3),
  integer(32, 4),
  {
    name: 'float 32 bit',
    formatTag: 3,
    bitsPerSample: 32,
    write: (value) => bytesOf(4, (buffer) => buffer.writeFloatLE(value / 1000)),
    toSample: (value) => Math.fround(value / 1000),
    range: [-1500, 1500],
  },
  {
    name: 'float 64 bit',
    formatTag: 3,
    bitsPerSample: 64,
    write: (value) => bytesOf(8, (buffer) => buffer.writeDoubleLE(value / 1000)),
    toSample: (value) => Math.fround(value / 1000),
    range: [-1500, 1500],
  },
]

/** 400 values over the whole range, both ends among them. */
function valuesOf({ range: [lowest, highest] }: Encoding): number[] {
  const random = seededRandom(7)
  const inside = Array.from({ length: 397 }, () => Math.floor(lowest + random() * (highest - lowest + 1)))
  return [lowest, highest, 0, ...inside]
}

for (const encoding of ENCODINGS) {
  for (const extensible of [false, true]) {
    test(`${encoding.name}${extensible ? ', EXTENSIBLE' : ''} is read exactly`, () => {
      const values = valuesOf(encoding)
      const file = wavFile({ ...encoding, extensible, data: Buffer.concat(values.map(encoding.write)) })
      const { samples, sampleRate, container } = decodeWav(file, MAX_SECONDS)
      assert.deepEqual(samples, Float32Array.from(values, encoding.toSample))
      assert.deepEqual([sampleRate, container], [24_000, 'wav'])
    })
  }
}

test('A-law and µ-law are read as G.711 tables them', () => {
  // Codes and 16 bit values from ITU-T G.191's reference tables: extremes, smallest steps, one in the middle.
  const aLaw = { 213: 8, 85: -8, 170: 32_256, 42: -32_256, 212: 24, 133: 4_224, 128: 5_504, 0: -5_504 }
  const muLaw = { 255: 0, 127: 0, 128: 32_124, 0: -32_124, 254: 8, 240: 120, 239: 132, 111: -132, 192: 1_884 }
  for (const [formatTag, table] of [
    [6, aLaw],
    [7, muLaw],
  ] as const) {
    const codes = Object.keys(table).map(Number)
    const { samples } = decodeWav(wavFile({ formatTag, bitsPerSample: 8, data: Buffer.from(codes) }), MAX_SECONDS)
    const expected = new Map(Object.entries(table).map(([code, value]) => [Number(code), value]))
    assert.deepEqual(
      [...samples].map((sample) => Math.round(sample * 32_768) + 0),
      codes.map((code) => expected.get(code)),
    )
  }
})

test('channels are averaged', () => {
  const data = Buffer.alloc(12)
  for (const [i, value] of [1000, 3000, -8192, 8192, 32767, 32767].entries()) data.writeInt16LE(value, 2 * i)
  const { samples } = decodeWav(wavFile({ data, channels: 2 }), MAX_SECONDS)
  assert.deepEqual(samples, Float32Array.of(2000 / 32768, 0, 32767 / 32768))
  const eight = decodeWav(wavFile({ data: Buffer.alloc(160, 1), channels: 8 }), MAX_SECONDS)
  assert.equal(eight.samples.length, 10)
})

const TWO_SECONDS = Buffer.alloc(2 * 48_000, 3)

for (const [what, fields, samples] of [
  ['FFFFFFFF, as FFmpeg streams', { dataSize: 0xffffffff, riffSize: 0xffffffff }, 48_000],
  ['7FFFF000, as SoX streams', { dataSize: 0x7ffff000 }, 48_000],
  ['0 of a recorder that died', { dataSize: 0, riffSize: 0 }, 48_000],
  ['the 64 bits of RF64', { id: 'RF64', dataSize: 0xffffffff, longDataSize: 96_000n }, 48_000],
  ['the 64 bits of BW64, shorter than the file', { id: 'BW64', dataSize: 0xffffffff, longDataSize: 48_000n }, 24_000],
  ['RF64 without a known size', { id: 'RF64', dataSize: 0xffffffff, longDataSize: 0xffffffffffffffffn }, 48_000],
  ['one byte more than is there', { dataSize: 96_001 }, 48_000],
  ['the header counted in', { dataSize: 96_044 }, 48_000],
] as const) {
  test(`a data size of ${what} reads what is there`, () => {
    const file = wavFile({ data: TWO_SECONDS, ...fields } satisfies WavFields)
    assert.equal(decodeWav(file, MAX_SECONDS).samples.length, samples)
  })
}

test('other chunks before and after, odd ones too, are stepped over', () => {
  const file = wavFile({
    data: TWO_SECONDS,
    chunksBefore: [chunk('JUNK', Buffer.alloc(27)), chunk('bext', Buffer.alloc(602))],
    chunksAfter: [chunk('LIST', Buffer.from('INFOIART\x04\0\0\0abc\0')), chunk('data', Buffer.alloc(100))],
  })
  assert.equal(decodeWav(file, MAX_SECONDS).samples.length, 48_000)
})

test('a file that begins in the middle of a larger buffer is read at its own place', () => {
  const file = wavFile({ data: TWO_SECONDS })
  const larger = Buffer.concat([Buffer.alloc(13, 7), file])
  assert.deepEqual(decodeWav(larger.subarray(13), MAX_SECONDS), decodeWav(file, MAX_SECONDS))
})

test('NaN, infinities and absurd floats become finite', () => {
  const data = Buffer.alloc(20)
  for (const [i, value] of [Number.NaN, Infinity, -Infinity, 1e30, 0.5].entries()) data.writeFloatLE(value, 4 * i)
  const { samples } = decodeWav(wavFile({ data, formatTag: 3, bitsPerSample: 32 }), MAX_SECONDS)
  assert.deepEqual(samples, Float32Array.of(0, 8, -8, 8, 0.5))
})

const REFUSED: readonly (readonly [string, AudioInputReason, Uint8Array])[] = [
  ['four bytes', 'not_audio', Buffer.from('RIFF')],
  ['RIFF of another kind', 'not_audio', Buffer.from('RIFF\x04\0\0\0AVI LIST')],
  ['no format', 'corrupt', chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), chunk('data', TWO_SECONDS)]))],
  ['no data', 'corrupt', wavFile({ data: Buffer.alloc(0) }).subarray(0, 36)],
  ['a data chunk of 0 bytes', 'empty', wavFile({ data: Buffer.alloc(0) })],
  ['half a sample', 'empty', wavFile({ data: Buffer.alloc(1) })],
  ['sample rate 0', 'unsupported', wavFile({ data: TWO_SECONDS, sampleRate: 0 })],
  ['sample rate 4,294,967,295', 'unsupported', wavFile({ data: TWO_SECONDS, sampleRate: 0xffffffff })],
  ['no channels', 'unsupported', wavFile({ data: TWO_SECONDS, channels: 0 })],
  ['65,535 channels', 'unsupported', wavFile({ data: TWO_SECONDS, channels: 65_535, blockAlign: 4 })],
  ['9 channels', 'unsupported', wavFile({ data: TWO_SECONDS, channels: 9 })],
  ['a block size that does not fit', 'corrupt', wavFile({ data: TWO_SECONDS, blockAlign: 3 })],
  ['ADPCM', 'unsupported', wavFile({ data: TWO_SECONDS, formatTag: 2, bitsPerSample: 4 })],
  ['MP3 in WAV', 'unsupported', wavFile({ data: TWO_SECONDS, formatTag: 85, bitsPerSample: 0 })],
  ['40 bit PCM', 'unsupported', wavFile({ data: TWO_SECONDS, bitsPerSample: 40 })],
  ['0 bit PCM', 'unsupported', wavFile({ data: TWO_SECONDS, bitsPerSample: 0 })],
  ['16 bit float', 'unsupported', wavFile({ data: TWO_SECONDS, formatTag: 3, bitsPerSample: 16 })],
  [
    'a foreign subformat',
    'unsupported',
    wavFile({ data: TWO_SECONDS, extensible: true, guidTail: '00002107d3118644c8c1ca000000' }),
  ],
  ['half of the promised data', 'truncated', wavFile({ data: TWO_SECONDS, dataSize: 192_000 })],
  ['30 ms less than promised', 'truncated', wavFile({ data: TWO_SECONDS, dataSize: 96_000 + 1_440 })],
  [
    'half of the 64 bits of RF64',
    'truncated',
    wavFile({ data: TWO_SECONDS, id: 'RF64', dataSize: 0xffffffff, longDataSize: 192_000n }),
  ],
  ['61 seconds', 'too_long', wavFile({ data: Buffer.alloc(61 * 8_000), sampleRate: 8_000, bitsPerSample: 8 })],
]

for (const [what, reason, file] of REFUSED) {
  test(`a WAV with ${what} is refused as ${reason}`, () => {
    assert.throws(
      () => decodeWav(file, MAX_SECONDS),
      (error) => error instanceof AudioInputError && error.reason === reason && error.message.endsWith('.'),
    )
  })
}

test('a refusal for a codec names it', () => {
  const file = wavFile({ data: TWO_SECONDS, formatTag: 17, bitsPerSample: 4 })
  assert.throws(() => decodeWav(file, MAX_SECONDS), /IMA ADPCM with 4 bits; convert it to 16 bit PCM/)
})
