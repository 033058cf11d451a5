import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { CheckpointError } from '../../../src/compile/checkpoint/checkpoint-error.ts'
import { readPickle } from '../../../src/compile/checkpoint/pickle.ts'
import { isTorchTensor, readTorchFile } from '../../../src/compile/checkpoint/torch-file.ts'
import { packageRoot } from '../../../src/config.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'torch-file-'))
after(() => rmSync(folder, { recursive: true }))

/** Written by torch.save: the structure of a conds.pt, values a ramp, `prompt_feat` a transposed view. */
const genuine = path.join(packageRoot, 'test/fixtures/voice-conditionals.pt')

const pickle = (...parts: readonly (string | number)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'))))

const read = (bytes: Uint8Array) =>
  readPickle(bytes, {
    fileName: 'x.pt',
    globals: { 'math add': (args) => Number(args[0]) + Number(args[1]) },
    persistent: (id) => id,
  })

test('tensors of a genuine file are read, strided views in row-major order', () => {
  const root = readTorchFile(genuine)
  assert.ok(root instanceof Map)
  const t3: unknown = root.get('t3')
  const gen: unknown = root.get('gen')
  assert.ok(t3 instanceof Map && gen instanceof Map)
  assert.equal(t3.get('clap_emb'), null)
  const [tokens, mel] = [t3.get('cond_prompt_speech_tokens'), gen.get('prompt_feat')]
  assert.ok(isTorchTensor(tokens) && isTorchTensor(mel))
  assert.deepEqual(tokens.shape, [1, 12])
  assert.deepEqual(
    [...tokens.data].map(Number),
    Array.from({ length: 12 }, (_, i) => 100 + i),
  )
  assert.deepEqual(mel.shape, [1, 20, 80])
  assert.deepEqual([...mel.data.slice(0, 3)], [-3, 7, 17])
})

test('a pickle that names a function is refused by that name, and nothing runs', () => {
  const attack = pickle(0x80, 2, 'cos\nsystem\n', '(X', 4, 0, 0, 0, 'true', 't', 'R', '.')
  assert.throws(
    () => read(attack),
    /x\.pt: the pickle asks for os\.system; only tensors are read, and nothing is ever executed/,
  )
  assert.throws(() => read(pickle('cbuiltins\nconstructor\n', '.')), /asks for builtins\.constructor/)
  assert.throws(() => read(pickle('c__proto__\ntoString\n', '.')), /asks for __proto__\.toString/)
})

test('a pickle calls only what is in the table', () => {
  assert.equal(read(pickle(0x80, 2, 'cmath\nadd\n', 'K', 2, 'K', 3, 0x86, 'R', '.')), 5)
  assert.throws(() => read(pickle('K', 2, 'K', 3, 0x85, 'R', '.')), /calls something that is no function/)
})

test('opcodes and structures that a tensor file does not need are refused', () => {
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [pickle('ios\nsystem\n', '.'), /has the opcode 0x69 at byte 0/],
    [pickle(0x80, 5, '.'), /protocol newer than torch writes/],
    [pickle('N', 'b', '.'), /has the opcode 0x62/],
    [pickle('.'), /the stack is empty/],
    [pickle('t.'), /a mark is missing/],
    [pickle('((u.'), /a value is missing|no map/],
    [pickle('h', 3, '.'), /recalls value 3/],
    [pickle('X', 255, 255, 255, 255, 'a'), /ends too early/],
    [pickle('cos'), /ends within a name/],
    [pickle('N', '(NNu.'), /adds items to something that is no map/],
  ]
  for (const [bytes, message] of cases)
    assert.throws(
      () => read(bytes),
      (error) => error instanceof CheckpointError && message.test(error.message),
      `${message}`,
    )
})

/** A zip archive without compression; `method` and `flags` as a hostile writer would set them. */
function storedZip(files: Readonly<Record<string, Uint8Array>>, { method = 0, flags = 0 } = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(files)) {
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(flags, 2)
    fields.writeUInt16LE(method, 4)
    fields.writeUInt32LE(crc32(content), 10)
    fields.writeUInt32LE(content.length, 14)
    fields.writeUInt32LE(content.length, 18)
    fields.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), content])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.alloc(2), fields, tail, Buffer.from(name)]))
    parts.push(local)
    offset += local.length
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...directory, end])
}

function writeArchive(bytes: Uint8Array): string {
  const file = path.join(folder, 'archive.pt')
  writeFileSync(file, bytes)
  return file
}

/** The pickle of one tensor: storage of `count` float32 values, then offset, shape and stride. */
const tensorPickle = (
  count: number,
  offset: number,
  shape: number,
  stride: number,
  type = 'FloatStorage',
): Uint8Array =>
  pickle(
    ...[0x80, 2, 'ctorch._utils\n_rebuild_tensor_v2\n', '('],
    ...[
      '(X',
      7,
      0,
      0,
      0,
      'storage',
      `ctorch\n${type}\n`,
      'X',
      1,
      0,
      0,
      0,
      '0',
      'X',
      3,
      0,
      0,
      0,
      'cpu',
      'K',
      count,
      't',
      'Q',
    ],
    ...['K', offset, 'K', shape, 0x85, 'K', stride, 0x85, 0x89, 'NtR.'],
  )

test('a tensor may not reach past its storage, nor a storage past its file', () => {
  const archive = (bytes: Uint8Array, values = 4) =>
    writeArchive(
      storedZip({
        'x/data.pkl': bytes,
        'x/data/0': new Uint8Array(Float32Array.from({ length: values }, (_, i) => i).buffer),
      }),
    )
  const good = readTorchFile(archive(tensorPickle(4, 1, 2, 2)))
  assert.deepEqual(good, { shape: [2], data: Float32Array.of(1, 3) })
  const cases: readonly (readonly [string, RegExp])[] = [
    [archive(tensorPickle(4, 0, 5, 1)), /reaches past its 4 values/],
    [archive(tensorPickle(4, 3, 2, 1)), /reaches past its 4 values/],
    [archive(tensorPickle(4, 0, 200, 0)), /reaches past its 4 values/],
  ]
  for (const [file, message] of cases) assert.throws(() => readTorchFile(file), message)
  assert.throws(() => readTorchFile(archive(tensorPickle(4, 0, 4, 1), 3)), /tensor 0 should have 4 values/)
  assert.throws(() => readTorchFile(archive(tensorPickle(4, 0, 4, 1, 'HalfStorage'))), /asks for torch\.HalfStorage/)
})

test('a damaged archive is refused by what is wrong with it', () => {
  const files = { 'x/data.pkl': tensorPickle(4, 0, 4, 1), 'x/data/0': new Uint8Array(16) }
  const whole = storedZip(files)
  const corrupt = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole)
    change(bytes)
    return bytes
  }
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [Buffer.from('not a zip'), /has no zip directory/],
    [whole.subarray(0, 100), /has no zip directory/],
    [storedZip(files, { method: 8 }), /zip entry x\/data\.pkl is compressed/],
    [storedZip(files, { flags: 1 }), /zip entry x\/data\.pkl is encrypted/],
    [corrupt((bytes) => bytes.writeUInt8(7, 45)), /zip entry x\/data\.pkl has a wrong checksum/],
    [corrupt((bytes) => bytes.writeUInt32LE(0xffff_0000, bytes.length - 6)), /zip directory entry 0 is damaged/],
    [storedZip({ 'x/other': new Uint8Array(1) }), /holds no data\.pkl/],
    [storedZip({ ...files, 'x/byteorder': Buffer.from('big') }), /is not little-endian/],
  ]
  for (const [bytes, message] of cases) assert.throws(() => readTorchFile(writeArchive(bytes)), message)
})
