import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Voice } from '../../src/engine/engine.ts'
import { isVoiceFile, readVoice, writeVoice } from '../../src/engine/voice-file.ts'
import { AppError } from '../../src/errors.ts'

const VOICE: Voice = {
  model: 'turbo',
  version: '3',
  tensors: {
    tokens: { dtype: 'I64', shape: [1, 3], data: BigInt64Array.of(4299n, -1n, 2n ** 62n) },
    embedding: { dtype: 'F32', shape: [2, 2], data: Float32Array.of(0.5, -0, Number.MIN_VALUE, 3e38) },
    none: { dtype: 'F32', shape: [0, 80], data: new Float32Array(0) },
  },
  metadata: { base: 'slt', note: 'ü “quoted” \n 日本', __proto__x: 'kept' },
}

/** A file with any header, to say wrong things in it. */
function makeFile(header: unknown, dataBytes = 0): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)])
}
const metadata = { 'chatterbox.model': 'preview', 'chatterbox.version': '1' }
const tensor = (from: number, to: number, shape: number[], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [from, to],
})

test('a voice comes back as it was written', () => {
  assert.deepEqual(readVoice(writeVoice(VOICE)), VOICE)
})

test('a voice is read from any place in a larger buffer', () => {
  const bytes = writeVoice(VOICE)
  for (const offset of [1, 3, 4]) {
    const larger = new Uint8Array(bytes.length + offset)
    larger.set(bytes, offset)
    assert.deepEqual(readVoice(larger.subarray(offset)), VOICE)
  }
})

test('the same voice gives the same bytes, in whatever order its parts were made', () => {
  const { tokens, embedding, none } = VOICE.tensors
  assert.ok(tokens && embedding && none)
  const reordered = { ...VOICE, tensors: { none, embedding, tokens } }
  assert.deepEqual(writeVoice(reordered), writeVoice(VOICE))
})

test('tensors that share a buffer are written alone', () => {
  const shared = Float32Array.of(1, 2, 3, 4)
  const voice: Voice = { ...VOICE, tensors: { part: { dtype: 'F32', shape: [2], data: shared.subarray(1, 3) } } }
  assert.deepEqual(readVoice(writeVoice(voice)).tensors.part?.data, Float32Array.of(2, 3))
})

test('data begins aligned to eight bytes', () => {
  const bytes = writeVoice(VOICE)
  const header = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  assert.equal((8 + header) % 8, 0)
})

const WRONG: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['no bytes', new Uint8Array(0), /shorter than its header/],
  ['seven bytes', new Uint8Array(7), /shorter than its header/],
  ['a header of 2^63 bytes', Buffer.from('ffffffffffffff7f00', 'hex'), /impossibly long/],
  ['a header longer than the file', makeFile(metadata).subarray(0, 20), /middle of its header/],
  ['a header that is no JSON', makeFile('{"a":'), /not JSON/],
  ['a header that is no UTF-8', makeFile('{"a":"\u00ff"}').map((byte) => (byte === 0xc3 ? 0xff : byte)), /not JSON/],
  ['a header that is a list', makeFile([1, 2]), /no object/],
  ['a header that is null', makeFile('null'), /no object/],
  ['no metadata', makeFile({ a: tensor(0, 4, [1]) }, 4), /which model/],
  ['an unknown model', makeFile({ __metadata__: { ...metadata, 'chatterbox.model': 'big' } }), /which model/],
  ['metadata that is no text', makeFile({ __metadata__: { ...metadata, x: 1 } }), /"x" is no text/],
  ['another dtype', makeFile({ __metadata__: metadata, a: tensor(0, 4, [1], 'F64') }, 4), /"a" is described wrongly/],
  ['a negative size', makeFile({ __metadata__: metadata, a: tensor(0, 4, [-1]) }, 4), /described wrongly/],
  ['a fractional offset', makeFile({ __metadata__: metadata, a: tensor(0.5, 4, [1]) }, 4), /described wrongly/],
  ['nine dimensions', makeFile({ __metadata__: metadata, a: tensor(0, 4, Array(9).fill(1)) }, 4), /described wrongly/],
  ['an unknown field', makeFile({ __metadata__: metadata, a: { ...tensor(0, 4, [1]), x: 1 } }, 4), /described wrongly/],
  ['a gap', makeFile({ __metadata__: metadata, a: tensor(4, 8, [1]) }, 8), /does not begin where/],
  [
    'an overlap',
    makeFile({ __metadata__: metadata, a: tensor(0, 8, [2]), b: tensor(4, 12, [2]) }, 12),
    /does not begin/,
  ],
  [
    'an end before its begin',
    makeFile({ __metadata__: metadata, a: tensor(0, 4, [1]), b: tensor(4, 0, [1]) }, 4),
    /does not/,
  ],
  [
    'a shape of another size',
    makeFile({ __metadata__: metadata, a: tensor(0, 4, [2]) }, 4),
    /another size than its shape/,
  ],
  [
    'a shape that overflows',
    makeFile({ __metadata__: metadata, a: tensor(0, 4, Array(8).fill(2 ** 31)) }, 4),
    /another size/,
  ],
  ['data cut off', makeFile({ __metadata__: metadata, a: tensor(0, 4, [1]) }, 3), /middle of tensor "a"/],
  ['nobody’s checksum', makeFile({ __metadata__: metadata, a: tensor(0, 4, [1]) }, 4), /its checksum differs/],
  ['nine million bytes', new Uint8Array(9e6), /larger than any voice/],
  ['data left over', makeFile({ __metadata__: metadata, a: tensor(0, 4, [1]) }, 5), /left over/],
]
for (const [what, bytes, message] of WRONG) {
  test(`${what} is refused, saying so`, () => {
    assert.throws(
      () => readVoice(bytes),
      (error) => error instanceof AppError && error.code === 'invalid_reference_audio' && message.test(error.message),
    )
  })
}

test('a tensor named __proto__ is only a tensor', () => {
  const tensors = Object.fromEntries([['__proto__', VOICE.tensors.embedding]]) as Voice['tensors']
  const file = writeVoice({ ...VOICE, tensors })
  assert.ok(Buffer.from(file).includes('"__proto__"'))
  const voice = readVoice(file)
  assert.deepEqual(Object.keys(voice.tensors), ['__proto__'])
  assert.equal(({} as { dtype?: string }).dtype, undefined)
})

test('one bit other than it was is noticed, wherever it is', () => {
  const valid = writeVoice(VOICE)
  for (let at = 0; at < valid.length; at++) {
    const bytes = Uint8Array.from(valid)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    // Space and tab, between header and data, are the same to JSON.
    let same = false
    try {
      same = Buffer.from(writeVoice(readVoice(bytes))).equals(valid)
    } catch (error) {
      assert.ok(error instanceof AppError)
      continue
    }
    assert.ok(same, `byte ${at}`)
  }
})

test('a voice file is known by its first bytes, and no recording is one', () => {
  assert.ok(isVoiceFile(writeVoice(VOICE)))
  for (const begin of ['RIFF\0\0\0\0WAVE', 'fLaC\0\0\0"', 'OggS\0\x02\0\0\0', '\0\0\0\x1cftypM4A ', 'ID3\x04', '{}'])
    assert.ok(!isVoiceFile(Buffer.from(begin)), begin)
})

test('whatever bytes come, the answer is a voice or a refusal', () => {
  const valid = writeVoice(VOICE)
  const damaged = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = valid.slice()
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  const cut = fc.nat(valid.length).map((length) => valid.slice(0, length))
  fc.assert(
    fc.property(fc.oneof(damaged, cut, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      try {
        assert.equal(typeof readVoice(bytes).version, 'string')
      } catch (error) {
        assert.ok(error instanceof AppError, String(error))
      }
    }),
    { numRuns: 2000, seed: 20261122 },
  )
})
