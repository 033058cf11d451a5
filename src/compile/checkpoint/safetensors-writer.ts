// Writes a safetensors file tensor by tensor, so that a checkpoint larger than memory can be made.
import { closeSync, openSync, writeSync } from 'node:fs'
import { invariant } from '../../errors.ts'
import { DTYPE_BYTES, type Dtype, elementCount } from './safetensors.ts'

export interface TensorToWrite {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** The little-endian bytes, row-major, in pieces of any size; called once, in file order. */
  chunks(): Iterable<ArrayBufferView>
}

/** Writes all tensors back to back in the given order. The header is padded to 8 bytes, so that float64 data is aligned. */
export function writeSafetensors(
  filePath: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header = new TextEncoder().encode(buildHeader(tensors, metadata))
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true)
  const descriptor = openSync(filePath, 'w')
  try {
    writeFully(descriptor, prefix)
    writeFully(descriptor, header)
    for (const tensor of tensors) {
      let bytes = 0
      for (const chunk of tensor.chunks()) bytes += writeFully(descriptor, chunk)
      invariant(bytes === tensorBytes(tensor), `${tensor.name} wrote ${bytes} bytes of ${tensorBytes(tensor)}`)
    }
  } finally {
    closeSync(descriptor)
  }
}

const tensorBytes = (tensor: TensorToWrite): number => elementCount(tensor.shape) * DTYPE_BYTES[tensor.dtype]

function buildHeader(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): string {
  let position = 0
  const entries = tensors.map((tensor): [string, unknown] => {
    const begin = position
    position += tensorBytes(tensor)
    return [tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, position] }]
  })
  const withMetadata = Object.keys(metadata).length > 0 ? [['__metadata__', metadata], ...entries] : entries
  const json = JSON.stringify(Object.fromEntries(withMetadata))
  return json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8))
}

function writeFully(descriptor: number, chunk: ArrayBufferView): number {
  const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done)
  return chunk.byteLength
}
