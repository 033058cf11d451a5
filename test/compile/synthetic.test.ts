import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { type Dimensions, NANO, TINY, TURBO } from '../../src/compile/dimensions.ts'
import { formulaValues } from '../../src/compile/synthetic/formula.ts'
import { writeSyntheticFile } from '../../src/compile/synthetic/synthetic.ts'
import { type CheckpointFile, tensorsOf } from '../../src/compile/synthetic/tensor-list.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'synthetic-'))
after(() => rmSync(folder, { recursive: true }))

/** Checksums that the official numbers were computed with; the other networks' fixtures stand on the same bytes. */
const CHECKSUMS: readonly (readonly [CheckpointFile, Dimensions, string, string])[] = [
  ['ve.safetensors', TURBO, 'lstm.weight_ih_l0', '1dfcbc0f'],
  ['ve.safetensors', TURBO, 'similarity_weight', 'b51b8ab8'],
  ['t3_turbo_v1.safetensors', TURBO, 'tfmr.h.0.attn.c_attn.weight', '9d9b0bf1'],
  ['t3_turbo_v1.safetensors', TURBO, 'tfmr.ln_f.weight', '356d175d'],
  ['t3_nano_v1.safetensors', NANO, 'tfmr.wpe.weight', '9db043b7'],
  ['s3gen_meanflow.safetensors', TURBO, 'tokenizer.encoder.conv1.weight', '9ee7813b'],
  ['s3gen_meanflow.safetensors', TURBO, 'speaker_encoder.head.conv1.weight', 'a0c2e32b'],
  ['s3gen_meanflow.safetensors', TURBO, 'flow.decoder.estimator.final_proj.bias', 'dba539c1'],
  ['s3gen_meanflow.safetensors', TURBO, 'mel2wav.ups.0.parametrizations.weight.original1', '0e98c996'],
]

test('formula values have the checksums of the reference implementation', () => {
  for (const [file, dimensions, name, expected] of CHECKSUMS) {
    const spec = tensorsOf(file, dimensions).find((tensor) => tensor.name === name)
    assert.ok(spec, name)
    let checksum = 0
    for (const chunk of formulaValues(name, spec.shape)) checksum = crc32(chunk, checksum)
    assert.equal(checksum.toString(16).padStart(8, '0'), expected, name)
  }
})

test('the four files have as many tensors and values as the real ones', () => {
  const count = (file: CheckpointFile, dimensions: Dimensions) => {
    const tensors = tensorsOf(file, dimensions)
    assert.equal(new Set(tensors.map(({ name }) => name)).size, tensors.length)
    return [tensors.length, tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)]
  }
  assert.deepEqual(count('ve.safetensors', TURBO), [16, 1_423_618])
  // 266,030,919 parameters and 108,426 buffers.
  assert.deepEqual(count('s3gen_meanflow.safetensors', TURBO), [2491, 266_139_345])
  assert.deepEqual(count('t3_turbo_v1.safetensors', TURBO), [299, 478_862_755])
  assert.deepEqual(count('t3_nano_v1.safetensors', NANO), [155, 217_471_139])
})

test('constants of the speech tokenizer have the checksums of the real checkpoint', () => {
  writeSyntheticFile(folder, 's3gen_meanflow.safetensors', TINY)
  using file = new SafetensorsFile(path.join(folder, 's3gen_meanflow.safetensors'))
  const checksum = (name: string) => crc32(file.readBytes(name)).toString(16).padStart(8, '0')
  assert.equal(checksum('tokenizer._mel_filters'), '0513adac')
  assert.equal(checksum('tokenizer.window'), '8e4eba8d')
  assert.equal(checksum('tokenizer.quantizer._codebook.project_down.bias'), '4b3ad1e5')
  assert.deepEqual(file.readInt64('speaker_encoder.head.bn1.num_batches_tracked'), BigInt64Array.of(1n))
})
