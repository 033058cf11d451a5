// Reads what torch.save wrote – dictionaries, lists and tensors – without executing anything of it.
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'
import { type PickleValue, readPickle } from './pickle.ts'
import { elementCount } from './safetensors.ts'
import { readStoredZip } from './stored-zip.ts'

/** A conds.pt has 170 kB; whole models come as safetensors. */
const MAX_FILE_BYTES = 64 << 20

export interface TorchTensor {
  readonly shape: readonly number[]
  /** Row-major, whatever the strides were. */
  readonly data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>
}

interface StorageType {
  readonly bytes: number
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => TorchTensor['data']
}

const STORAGE_TYPES: Readonly<Record<string, StorageType>> = {
  FloatStorage: { bytes: 4, read: (bytes) => new Float32Array(bytes.buffer) },
  LongStorage: { bytes: 8, read: (bytes) => new BigInt64Array(bytes.buffer) },
}

class Storage {
  readonly data: TorchTensor['data']
  constructor(data: TorchTensor['data']) {
    this.data = data
  }
}

export const isTorchTensor = (value: unknown): value is TorchTensor =>
  typeof value === 'object' && value !== null && 'shape' in value && 'data' in value

/** The root value: dictionaries are Maps, lists and tuples arrays, tensors TorchTensor. Throws CheckpointError for everything else. */
export function readTorchFile(filePath: string): PickleValue {
  const fileName = path.basename(filePath)
  if (statSync(filePath).size > MAX_FILE_BYTES)
    throw new CheckpointError(fileName, `is larger than ${MAX_FILE_BYTES >> 20} MiB, too large for a voice`)
  const files = readStoredZip(readFileSync(filePath), fileName)
  const pickleName = [...files.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name))
  const pickle = pickleName && files.get(pickleName)
  if (!pickle) throw new CheckpointError(fileName, 'holds no data.pkl; is this a file written by torch.save?')
  const folder = pickleName.slice(0, -'data.pkl'.length)
  const order = files.get(`${folder}byteorder`)
  if (order && new TextDecoder().decode(order) !== 'little') throw new CheckpointError(fileName, 'is not little-endian')
  const fail = (problem: string): never => {
    throw new CheckpointError(fileName, problem)
  }
  return readPickle(pickle, {
    fileName,
    globals: {
      'torch._utils _rebuild_tensor_v2': (args) => rebuildTensor(args, fail),
      'collections OrderedDict': (args) =>
        args.length === 0 ? new Map() : fail('has an ordered dictionary with contents'),
      ...Object.fromEntries(
        Object.keys(STORAGE_TYPES).map((name) => [
          `torch ${name}`,
          Object.assign(() => fail(`calls ${name}`), { storage: name }),
        ]),
      ),
    },
    persistent: (id) => readStorage(id, folder, files, fail),
  })
}

/** ('storage', type, file, device, element count) → the values of that file. */
function readStorage(
  id: PickleValue,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  fail: (problem: string) => never,
): Storage {
  if (!Array.isArray(id) || id[0] !== 'storage' || typeof id[1] !== 'function')
    return fail('refers to something that is no tensor')
  const typeName: unknown = id[1].storage
  const type = typeof typeName === 'string' ? STORAGE_TYPES[typeName] : undefined
  const bytes = typeof id[2] === 'string' ? files.get(`${folder}data/${id[2]}`) : undefined
  if (!type || !bytes) return fail(`the values of tensor ${String(id[2])} are missing`)
  if (bytes.length !== type.bytes * Number(id[4]))
    return fail(`tensor ${String(id[2])} should have ${String(id[4])} values, its file has ${bytes.length} bytes`)
  return new Storage(type.read(Uint8Array.from(bytes)))
}

/** (storage, offset, size, stride, requires_grad, hooks) → a tensor, copied out of its storage in row-major order. */
function rebuildTensor(args: readonly PickleValue[], fail: (problem: string) => never): TorchTensor {
  const [storage, offset, shape, strides] = args
  if (!(storage instanceof Storage) || !isSizes([offset]) || !isSizes(shape) || !isSizes(strides))
    return fail('has a tensor without usable size and stride')
  const start = offset as number
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), start)
  const count = elementCount(shape)
  if (strides.length !== shape.length || (count > 0 && last >= storage.data.length) || count > storage.data.length)
    return fail(`has a tensor of shape [${shape}] that reaches past its ${storage.data.length} values`)
  const source = storage.data
  const data = source instanceof Float32Array ? new Float32Array(count) : new BigInt64Array(count)
  for (let i = 0; i < count; i++) {
    let rest = i
    let position = start
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1
      position += (rest % size) * (strides[axis] ?? 0)
      rest = Math.floor(rest / size)
    }
    data[i] = source[position] ?? 0
  }
  return { shape, data }
}

const isSizes = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
