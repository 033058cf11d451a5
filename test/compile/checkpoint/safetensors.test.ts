import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { CheckpointError } from '../../../src/compile/checkpoint/checkpoint-error.ts'
import { SafetensorsFile } from '../../../src/compile/checkpoint/safetensors.ts'
import { writeSafetensors } from '../../../src/compile/checkpoint/safetensors-writer.ts'
import { Weights } from '../../../src/compile/checkpoint/weights.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'safetensors-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
/** A file with this header text and so many zero bytes after it. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimedHeaderBytes?: bigint): string {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(claimedHeaderBytes ?? BigInt(text.length))
  const file = path.join(folder, `hostile-${files++}.safetensors`)
  writeFileSync(file, Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]))
  return file
}

const tensor = (dtype: string, shape: readonly unknown[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

test('what is written is read back: names, shapes, values, metadata', () => {
  const file = path.join(folder, 'good.safetensors')
  writeSafetensors(
    file,
    [
      { name: 'a', dtype: 'F32', shape: [2, 3], chunks: () => [Float32Array.of(1, 2), Float32Array.of(3, 4, 5, -0)] },
      { name: 'count', dtype: 'I64', shape: [], chunks: () => [BigInt64Array.of(-7n)] },
      { name: 'empty', dtype: 'F32', shape: [0, 4], chunks: () => [] },
    ],
    { format: 'pt' },
  )
  using read = new SafetensorsFile(file)
  assert.deepEqual([...read.entries.keys()].sort(), ['a', 'count', 'empty'])
  assert.deepEqual(read.entry('a').shape, [2, 3])
  assert.deepEqual(read.readFloat32('a'), Float32Array.of(1, 2, 3, 4, 5, -0))
  assert.deepEqual(read.readInt64('count'), BigInt64Array.of(-7n))
  assert.equal(read.readFloat32('empty').length, 0)
  assert.deepEqual(read.metadata, { format: 'pt' })
})

test('a file that lies is refused before its tensors are read, and the message says what is wrong', () => {
  const one = tensor('F32', [4], 0, 16)
  const json = (header: unknown) => JSON.stringify(header)
  const cases: readonly (readonly [string, RegExp])[] = [
    [fileOf('', 0, 200_000_000n), /claims a header of 200000000 bytes; is this a safetensors file/],
    [fileOf('', 0, 2n ** 63n), /claims a header of/],
    [fileOf('{}', 0, 50n), /claims a header of 50 bytes, but the file has only 10/],
    [fileOf('{"a":', 0), /the header is not JSON/],
    [fileOf(Uint8Array.of(0x22, 0xff, 0x22), 0), /the header is not JSON/],
    [fileOf('[]', 0), /the header is not a JSON object/],
    [fileOf(json({ a: one }), 15), /tensor a ends at byte \d+, but the file has only \d+; it is truncated/],
    [fileOf(json({ a: one }), 17), /1 bytes after the last tensor belong to none/],
    [fileOf(json({ a: one, b: tensor('F32', [4], 8, 24) }), 24), /tensor b overlaps/],
    [fileOf(json({ a: one, b: tensor('F32', [4], 20, 36) }), 36), /a hole of 4 bytes before b/],
    [
      fileOf(json({ a: tensor('F32', [5], 0, 16) }), 16),
      /tensor a of shape \[5\] and dtype F32 needs 20 bytes, its offsets span 16/,
    ],
    [fileOf(json({ a: tensor('F32', [4], 16, 0) }), 16), /needs 16 bytes, its offsets span -16/],
    [fileOf(json({ a: tensor('F32', [2 ** 40, 2 ** 40], 0, 16) }), 16), /needs \d+(\.\d+e\+\d+)? bytes/],
    [fileOf(json({ a: tensor('F32', [-4], 0, 16) }), 16), /tensor a has no usable shape/],
    [fileOf(json({ a: tensor('F32', [1.5], 0, 6) }), 6), /tensor a has no usable shape/],
    [fileOf(json({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }), 4), /tensor a has no usable data_offsets/],
    [fileOf(json({ a: tensor('Q7', [4], 0, 16) }), 16), /tensor a has the unknown dtype "Q7"/],
    [fileOf(json({ a: tensor('constructor', [4], 0, 16) }), 16), /unknown dtype/],
    [fileOf(json({ a: 5 }), 0), /the entry of tensor a is not an object/],
    [fileOf(json({ __metadata__: { a: 1 } }), 0), /__metadata__\.a is not a string/],
  ]
  for (const [file, message] of cases) {
    assert.throws(
      () => new SafetensorsFile(file),
      (error) => error instanceof CheckpointError && message.test(error.message),
    )
  }
})

test('a tensor named __proto__ is a tensor', () => {
  using file = new SafetensorsFile(fileOf('{"__proto__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 2))
  assert.deepEqual([...file.entries.keys()], ['__proto__'])
})

test('weights are taken once, with the right shape and type, and none is left over', () => {
  const path1 = path.join(folder, 'weights.safetensors')
  const zeros = (name: string, shape: number[]) => ({
    name,
    dtype: 'F32' as const,
    shape,
    chunks: () => [new Float32Array(shape.reduce((a, b) => a * b, 1))],
  })
  writeSafetensors(path1, [
    zeros('block.0.weight', [2, 3]),
    zeros('block.0.bias', [2]),
    zeros('unused.head', [1]),
    zeros('stranger', [1]),
    { name: 'half', dtype: 'F16', shape: [1], chunks: () => [new Uint8Array(2)] },
  ])
  using file = new SafetensorsFile(path1)
  const weights = new Weights(file)
  const block = weights.at('block', 0)
  assert.deepEqual(block.take('weight', [2, 3]).read(), new Float32Array(6))
  assert.throws(() => block.take('weight', [2, 3]), /weights\.safetensors: tensor block\.0\.weight is used twice/)
  assert.throws(() => block.take('bias', [3]), /tensor block\.0\.bias has shape \[2\], expected \[3\]/)
  assert.throws(() => block.take('scale', [2]), /tensor block\.0\.scale is missing/)
  assert.throws(() => weights.take('half', [1]), /tensor half is F16, expected F32/)
  block.take('bias', [2])
  weights.ignore(/^unused\./, 'not needed')
  assert.throws(() => weights.finish(), /holds tensors this model does not have: stranger, half/)
  weights.ignore(/^(stranger|half)$/, 'test')
  assert.deepEqual(weights.finish()[0], { reason: 'not needed', names: ['unused.head'] })
})
