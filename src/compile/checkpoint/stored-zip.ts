// The files in a zip archive that compresses nothing, which is what torch.save writes. Anything else is refused.
// Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.
import { crc32 } from 'node:zlib'
import { CheckpointError } from './checkpoint-error.ts'

const END_SIGNATURE = 0x06054b50
const ENTRY_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50
const END_BYTES = 22
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const MAX_COMMENT_BYTES = 65535

/** Name → content of every file; checksums are verified. */
export function readStoredZip(bytes: Uint8Array, fileName: string): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fail = (problem: string): never => {
    throw new CheckpointError(fileName, `${problem}; is this a file written by torch.save?`)
  }
  const end = findEnd(view)
  if (end === undefined) return fail('has no zip directory')
  const count = view.getUint16(end + 10, true)
  let position = view.getUint32(end + 16, true)
  const files = new Map<string, Uint8Array>()
  for (let i = 0; i < count; i++) {
    if (position + ENTRY_BYTES > end || view.getUint32(position, true) !== ENTRY_SIGNATURE)
      return fail(`zip directory entry ${i} is damaged`)
    const nameBytes = view.getUint16(position + 28, true)
    const name = new TextDecoder().decode(bytes.subarray(position + ENTRY_BYTES, position + ENTRY_BYTES + nameBytes))
    if (files.has(name)) return fail(`zip entry ${name} occurs twice`)
    const content = readEntry(bytes, view, position)
    if (typeof content === 'string') return fail(`zip entry ${name} ${content}`)
    files.set(name, content)
    position += ENTRY_BYTES + nameBytes + view.getUint16(position + 30, true) + view.getUint16(position + 32, true)
  }
  return files
}

function findEnd(view: DataView): number | undefined {
  const last = view.byteLength - END_BYTES
  for (let position = last; position >= Math.max(0, last - MAX_COMMENT_BYTES); position--) {
    if (view.getUint32(position, true) === END_SIGNATURE) return position
  }
  return undefined
}

/** The content of an entry, or what is wrong with it. */
function readEntry(bytes: Uint8Array, view: DataView, entry: number): Uint8Array | string {
  const flags = view.getUint16(entry + 8, true)
  const method = view.getUint16(entry + 10, true)
  const size = view.getUint32(entry + 24, true)
  const local = view.getUint32(entry + 42, true)
  if ((flags & 1) !== 0) return 'is encrypted'
  if (method !== 0 || view.getUint32(entry + 20, true) !== size) return 'is compressed'
  if (local + LOCAL_BYTES > bytes.length || view.getUint32(local, true) !== LOCAL_SIGNATURE)
    return 'is not where the directory says'
  const begin = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
  if (begin + size > bytes.length) return 'runs past the end of the file'
  const content = bytes.subarray(begin, begin + size)
  return crc32(content) === view.getUint32(entry + 16, true) ? content : 'has a wrong checksum'
}
