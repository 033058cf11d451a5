// A WASI preview 1 with arguments, files in memory, a clock that stands still and nothing else: what a command-line program
// compiled to WebAssembly needs to turn an input file into an output file, the same way every time.

/** errno values of WASI. */
const SUCCESS = 0
const BAD_DESCRIPTOR = 8
const NO_SUCH_FILE = 44
const NOT_SEEKABLE = 70
/** Descriptor of the one preopened folder, after standard input, output and error. */
const ROOT = 3
const FILETYPE_DEVICE = 2
const FILETYPE_FOLDER = 3
const FILETYPE_FILE = 4
const CREATE = 1
const TRUNCATE = 8
const ALL_RIGHTS = 0xffff_ffff_ffff_ffffn

interface MemoryFile {
  bytes: Uint8Array
  length: number
}

class ProgramExit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

export interface ProgramResult {
  readonly exitCode: number
  readonly stderr: string
  /** The named file as the program left it; undefined if there is none. */
  readFile(name: string): Uint8Array | undefined
}

/** Runs a WASI command to its end, synchronously. `files` are what it finds in its working folder. */
export function runWasiProgram(
  program: WebAssembly.Module,
  args: readonly string[],
  files: Readonly<Record<string, Uint8Array>>,
): ProgramResult {
  const disk = new Map<string, MemoryFile>(
    Object.entries(files).map(([name, bytes]) => [name, { bytes, length: bytes.length }]),
  )
  const stderr: Uint8Array[] = []
  let memory: WebAssembly.Memory | undefined
  const imports = createImports(args, disk, stderr, () => {
    if (!memory) throw new Error('a WASI call before the program has memory')
    return memory.buffer
  })
  const instance = new WebAssembly.Instance(program, { wasi_snapshot_preview1: imports })
  memory = instance.exports.memory as WebAssembly.Memory
  let exitCode = 0
  try {
    ;(instance.exports._start as () => void)()
  } catch (error) {
    if (!(error instanceof ProgramExit)) throw error
    exitCode = error.code
  }
  return {
    exitCode,
    stderr: Buffer.concat(stderr).toString(),
    readFile(name) {
      const file = disk.get(name)
      return file?.bytes.subarray(0, file.length)
    },
  }
}

function createImports(
  args: readonly string[],
  disk: Map<string, MemoryFile>,
  stderr: Uint8Array[],
  buffer: () => ArrayBuffer,
): WebAssembly.ModuleImports {
  const view = () => new DataView(buffer())
  const bytesAt = (pointer: number, length: number) => new Uint8Array(buffer(), pointer, length)
  const setWord = (pointer: number, value: number) => view().setUint32(pointer, value, true)
  const argBytes = args.map((arg) => Buffer.from(`${arg}\0`))
  const open = new Map<number, { readonly file: MemoryFile; position: number }>()
  let nextDescriptor = ROOT + 1
  const vectors = (pointer: number, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const entry = pointer + 8 * i
      return bytesAt(view().getUint32(entry, true), view().getUint32(entry + 4, true))
    })

  return {
    args_sizes_get(countPointer: number, sizePointer: number) {
      setWord(countPointer, argBytes.length)
      setWord(
        sizePointer,
        argBytes.reduce((sum, arg) => sum + arg.length, 0),
      )
      return SUCCESS
    },
    args_get(pointers: number, into: number) {
      let place = into
      for (const [i, arg] of argBytes.entries()) {
        setWord(pointers + 4 * i, place)
        bytesAt(place, arg.length).set(arg)
        place += arg.length
      }
      return SUCCESS
    },
    clock_time_get(_clock: number, _precision: bigint, pointer: number) {
      view().setBigUint64(pointer, 0n, true)
      return SUCCESS
    },
    proc_exit(code: number) {
      throw new ProgramExit(code)
    },
    fd_close: (descriptor: number) => (open.delete(descriptor) || descriptor <= ROOT ? SUCCESS : BAD_DESCRIPTOR),
    fd_fdstat_get(descriptor: number, pointer: number) {
      const type = descriptor === ROOT ? FILETYPE_FOLDER : descriptor < ROOT ? FILETYPE_DEVICE : FILETYPE_FILE
      view().setUint8(pointer, type)
      view().setUint16(pointer + 2, 0, true)
      view().setBigUint64(pointer + 8, ALL_RIGHTS, true)
      view().setBigUint64(pointer + 16, ALL_RIGHTS, true)
      return SUCCESS
    },
    fd_fdstat_set_flags: () => SUCCESS,
    fd_prestat_get(descriptor: number, pointer: number) {
      if (descriptor !== ROOT) return BAD_DESCRIPTOR
      view().setUint8(pointer, 0)
      setWord(pointer + 4, 1)
      return SUCCESS
    },
    fd_prestat_dir_name(_descriptor: number, pointer: number) {
      bytesAt(pointer, 1)[0] = '.'.charCodeAt(0)
      return SUCCESS
    },
    path_open(
      _folder: number,
      _lookup: number,
      namePointer: number,
      nameLength: number,
      flags: number,
      _rights: bigint,
      _inherited: bigint,
      _descriptorFlags: number,
      descriptorPointer: number,
    ) {
      const name = Buffer.from(bytesAt(namePointer, nameLength)).toString()
      let file = disk.get(name)
      if (!file && !(flags & CREATE)) return NO_SUCH_FILE
      if (!file) {
        file = { bytes: new Uint8Array(1 << 16), length: 0 }
        disk.set(name, file)
      }
      if (flags & TRUNCATE) file.length = 0
      open.set(nextDescriptor, { file, position: 0 })
      setWord(descriptorPointer, nextDescriptor++)
      return SUCCESS
    },
    fd_seek(descriptor: number, offset: bigint, whence: number, pointer: number) {
      const handle = open.get(descriptor)
      if (!handle) return descriptor < ROOT ? NOT_SEEKABLE : BAD_DESCRIPTOR
      const origin = [0, handle.position, handle.file.length][whence] ?? 0
      handle.position = origin + Number(offset)
      view().setBigUint64(pointer, BigInt(handle.position), true)
      return SUCCESS
    },
    fd_read(descriptor: number, vectorPointer: number, count: number, readPointer: number) {
      const handle = open.get(descriptor)
      let total = 0
      for (const into of handle ? vectors(vectorPointer, count) : []) {
        const { file, position } = handle ?? { file: { bytes: into, length: 0 }, position: 0 }
        const part = file.bytes.subarray(position, Math.min(file.length, position + into.length))
        into.set(part)
        if (handle) handle.position += part.length
        total += part.length
      }
      setWord(readPointer, total)
      return SUCCESS
    },
    fd_write(descriptor: number, vectorPointer: number, count: number, writtenPointer: number) {
      const handle = open.get(descriptor)
      let total = 0
      for (const from of vectors(vectorPointer, count)) {
        if (handle) handle.position = writeAt(handle.file, handle.position, from)
        else if (descriptor === 2) stderr.push(from.slice())
        total += from.length
      }
      setWord(writtenPointer, total)
      return SUCCESS
    },
  }
}

/** Writes and returns the position after it; the file grows by doubling. */
function writeAt(file: MemoryFile, position: number, bytes: Uint8Array): number {
  const end = position + bytes.length
  if (end > file.bytes.length) {
    const grown = new Uint8Array(Math.max(2 * file.bytes.length, end))
    grown.set(file.bytes.subarray(0, file.length))
    file.bytes = grown
  }
  file.bytes.set(bytes, position)
  file.length = Math.max(file.length, end)
  return end
}
