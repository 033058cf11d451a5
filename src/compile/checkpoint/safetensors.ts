// Reads a safetensors file: the header at once, tensors one range at a time, so that a 2 GB file never sits in memory.
// The file is untrusted: a header that lies about sizes, offsets or types is refused by name before anything is read.
// Format: https://huggingface.co/docs/safetensors (u64 header length, JSON header, tensors back to back without holes).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'

/** Bytes of one element, for every dtype the format knows and a whole number of bytes can hold. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const

export type Dtype = keyof typeof DTYPE_BYTES

export interface TensorEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** First byte and the byte after the last, counted from the start of the file. */
  readonly begin: number
  readonly end: number
}

/** The limit of the reference implementation; our largest checkpoint has a 300 kB header. */
const MAX_HEADER_BYTES = 100_000_000
/** Linux returns at most 2,147,479,552 bytes from one read. */
const MAX_READ_BYTES = 1 << 30

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/**
 * An open safetensors file. `entries` is in file order. Reads are synchronous: the compiler is the only reader and works
 * tensor by tensor. Throws CheckpointError for anything wrong with the file; close it with `using` or `close()`.
 */
export class SafetensorsFile implements Disposable {
  readonly fileName: string
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: Readonly<Record<string, string>>
  readonly #descriptor: number

  constructor(filePath: string) {
    this.fileName = path.basename(filePath)
    this.#descriptor = openSync(filePath, 'r')
    try {
      const fileBytes = fstatSync(this.#descriptor).size
      const { header, dataBegin } = readHeader(this.#descriptor, fileBytes, this.fileName)
      this.metadata = parseMetadata(header, this.fileName)
      this.entries = parseEntries(header, dataBegin, fileBytes, this.fileName)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The entry of a tensor that must be there. */
  entry(name: string): TensorEntry {
    const entry = this.entries.get(name)
    if (!entry) throw new CheckpointError(this.fileName, `tensor ${name} is missing`)
    return entry
  }

  /** The little-endian bytes of a tensor, in a buffer of their own. */
  readBytes(name: string): Uint8Array<ArrayBuffer> {
    const { begin, end } = this.entry(name)
    const bytes = new Uint8Array(end - begin)
    readFully(this.#descriptor, bytes, begin, this.fileName)
    return bytes
  }

  /** A float32 tensor, flat in row-major order. */
  readFloat32(name: string): Float32Array<ArrayBuffer> {
    this.#demandDtype(name, 'F32')
    return new Float32Array(this.readBytes(name).buffer)
  }

  /** An int64 tensor, flat in row-major order. */
  readInt64(name: string): BigInt64Array<ArrayBuffer> {
    this.#demandDtype(name, 'I64')
    return new BigInt64Array(this.readBytes(name).buffer)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #demandDtype(name: string, dtype: Dtype): void {
    const found = this.entry(name).dtype
    if (found !== dtype) throw new CheckpointError(this.fileName, `tensor ${name} is ${found}, expected ${dtype}`)
  }
}

function readFully(descriptor: number, into: Uint8Array, position: number, fileName: string): void {
  for (let done = 0; done < into.length; ) {
    const wanted = Math.min(into.length - done, MAX_READ_BYTES)
    const count = readSync(descriptor, into, done, wanted, position + done)
    if (count === 0) throw new CheckpointError(fileName, `ends at byte ${position + done} while it is being read`)
    done += count
  }
}

function readHeader(
  descriptor: number,
  fileBytes: number,
  fileName: string,
): { header: Readonly<Record<string, unknown>>; dataBegin: number } {
  if (fileBytes < 8) throw new CheckpointError(fileName, `has ${fileBytes} bytes, too few for a safetensors file`)
  const prefix = new Uint8Array(8)
  readFully(descriptor, prefix, 0, fileName)
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true))
  if (headerBytes > MAX_HEADER_BYTES)
    throw new CheckpointError(fileName, `claims a header of ${headerBytes} bytes; is this a safetensors file?`)
  if (headerBytes > fileBytes - 8)
    throw new CheckpointError(fileName, `claims a header of ${headerBytes} bytes, but the file has only ${fileBytes}`)
  const text = new Uint8Array(headerBytes)
  readFully(descriptor, text, 8, fileName)
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (cause) {
    throw new CheckpointError(fileName, 'the header is not JSON', { cause })
  }
  if (!isObject(header)) throw new CheckpointError(fileName, 'the header is not a JSON object')
  return { header, dataBegin: 8 + headerBytes }
}

function parseMetadata(header: Readonly<Record<string, unknown>>, fileName: string): Readonly<Record<string, string>> {
  const metadata = Object.hasOwn(header, '__metadata__') ? header.__metadata__ : {}
  if (!isObject(metadata)) throw new CheckpointError(fileName, '__metadata__ is not an object')
  const entries = Object.entries(metadata).map(([key, value]): [string, string] => {
    if (typeof value !== 'string') throw new CheckpointError(fileName, `__metadata__.${key} is not a string`)
    return [key, value]
  })
  return Object.fromEntries(entries)
}

function parseEntries(
  header: Readonly<Record<string, unknown>>,
  dataBegin: number,
  fileBytes: number,
  fileName: string,
): ReadonlyMap<string, TensorEntry> {
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, dataBegin, fileName))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  let position = dataBegin
  for (const entry of entries) {
    if (entry.begin < position)
      throw new CheckpointError(fileName, `tensor ${entry.name} overlaps the tensor before it or the header`)
    if (entry.begin > position)
      throw new CheckpointError(fileName, `there is a hole of ${entry.begin - position} bytes before ${entry.name}`)
    if (entry.end > fileBytes)
      throw new CheckpointError(
        fileName,
        `tensor ${entry.name} ends at byte ${entry.end}, but the file has only ${fileBytes}; it is truncated`,
      )
    position = entry.end
  }
  if (position !== fileBytes)
    throw new CheckpointError(fileName, `${fileBytes - position} bytes after the last tensor belong to none`)
  return new Map(entries.map((entry) => [entry.name, entry]))
}

function parseEntry(name: string, value: unknown, dataBegin: number, fileName: string): TensorEntry {
  if (!isObject(value)) throw new CheckpointError(fileName, `the entry of tensor ${name} is not an object`)
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype))
    throw new CheckpointError(fileName, `tensor ${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  if (!isSizes(shape)) throw new CheckpointError(fileName, `tensor ${name} has no usable shape`)
  if (!isSizes(offsets) || offsets.length !== 2)
    throw new CheckpointError(fileName, `tensor ${name} has no usable data_offsets`)
  const [begin = 0, end = 0] = offsets
  const bytes = elementCount(shape) * DTYPE_BYTES[dtype as Dtype]
  if (end - begin !== bytes)
    throw new CheckpointError(
      fileName,
      `tensor ${name} of shape [${shape}] and dtype ${dtype} needs ${bytes} bytes, its offsets span ${end - begin}`,
    )
  return { name, dtype: dtype as Dtype, shape, begin: dataBegin + begin, end: dataBegin + end }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
