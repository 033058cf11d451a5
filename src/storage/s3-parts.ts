// An object that is stored while it is made, in parts: one of them is in memory, and the first, because its head is known last. Knows no S3,
// but its rule that every part other than the last has 5 MiB or more.
import type { BlobBlocks } from './blobs.ts'

const PART_BYTES = 8 << 20

export interface PartedUpload {
  /** From 1; in any order, and each as often as it takes. */
  put(number: number, bytes: Uint8Array): Promise<void>
  /** Makes the object of its parts. */
  complete(): Promise<void>
  /** Gives up what was stored. */
  abort(): Promise<void>
}

/** As Blobs.putBlocks. What fits into one part is stored by `putWhole`. */
export async function putInParts(
  blocks: BlobBlocks,
  begin: () => Promise<PartedUpload>,
  putWhole: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const parts = cutIntoParts(blocks)
  const first = await parts.next()
  if (first.done) return putWhole(withHead(new Uint8Array(), first.value))
  const second = await parts.next()
  if (second.done) return putWhole(withHead(first.value, second.value))
  const upload = await begin()
  try {
    let next: IteratorResult<Uint8Array, Uint8Array | undefined> = second
    for (let number = 2; !next.done; number++, next = await parts.next()) await upload.put(number, next.value)
    await upload.put(1, withHead(first.value, next.value))
    await upload.complete()
  } catch (error) {
    // Parts of an upload that is never completed stay until the bucket's own rule removes them: docs/operations.md.
    await upload.abort().catch(() => {})
    throw error
  }
}

async function* cutIntoParts(blocks: BlobBlocks): BlobBlocks {
  let part = Buffer.alloc(PART_BYTES)
  let filled = 0
  let next = await blocks.next()
  for (; !next.done; next = await blocks.next()) {
    for (let at = 0; at < next.value.length; ) {
      const taken = next.value.subarray(at, at + PART_BYTES - filled)
      part.set(taken, filled)
      filled += taken.length
      at += taken.length
      if (filled < PART_BYTES) continue
      yield part
      part = Buffer.alloc(PART_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield part.subarray(0, filled)
  return next.value
}

function withHead(bytes: Uint8Array, head: Uint8Array | undefined): Uint8Array {
  if (head) bytes.set(head)
  return bytes
}
