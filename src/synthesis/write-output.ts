// The file of a text, from its pieces into the blob store, never in memory as a whole once it is long.
import { createHash } from 'node:crypto'
import { encodeStream } from '../audio/encode/encoder.ts'
import type { AudioTags } from '../audio/encode/tags.ts'
import type { AudioFormat, Encoding } from '../audio/formats.ts'
import { concatBytes } from '../audio/pcm.ts'
import { invariant } from '../errors.ts'
import type { BlobBlocks, Blobs } from '../storage/blobs.ts'

/** As much of a file is put together in memory: all of it for nearly every request. */
const WHOLE_BYTES = 8 << 20

export interface OutputForm {
  /** Of the samples. */
  readonly sampleRate: number
  readonly format: AudioFormat
  readonly encoding: Encoding | undefined
  readonly tags: AudioTags
}

export interface WrittenOutput {
  readonly bytes: number
  /** Of the bytes, in hex. */
  readonly sha256: string
}

/** `samples`: mono, piece after piece. Durable when it resolves. */
export async function writeOutput(
  blobs: Blobs,
  blobKey: string,
  samples: AsyncIterable<Float32Array>,
  { sampleRate, format, encoding, tags }: OutputForm,
): Promise<WrittenOutput> {
  const blocks = encodeStream(samples, sampleRate, format, tags, encoding)
  const begin: Uint8Array[] = []
  let begun = 0
  let next = await blocks.next()
  for (; !next.done && begun < WHOLE_BYTES; next = await blocks.next()) {
    begin.push(next.value)
    begun += next.value.length
  }
  if (next.done) {
    const file = concatBytes(begin)
    if (next.value) file.set(next.value)
    await blobs.put(blobKey, file)
    return { bytes: file.length, sha256: createHash('sha256').update(file).digest('hex') }
  }
  const pending = next
  let bytes = begun
  async function* whole(): BlobBlocks {
    yield* begin.splice(0)
    let rest: IteratorResult<Uint8Array, Uint8Array | undefined> = pending
    for (; !rest.done; rest = await blocks.next()) {
      bytes += rest.value.length
      yield rest.value
    }
    return rest.value
  }
  try {
    await blobs.putBlocks(blobKey, whole())
  } finally {
    await blocks.return(undefined)
  }
  return { bytes, sha256: await hashBlob(blobs, blobKey, bytes) }
}

/** The head is known last and hashed first: a long file is read once more. */
async function hashBlob(blobs: Blobs, blobKey: string, bytes: number): Promise<string> {
  const stream = await blobs.stream(blobKey, { start: 0, end: bytes })
  invariant(stream, `the output ${blobKey} is gone as soon as it was stored`)
  const hash = createHash('sha256')
  for await (const block of stream) hash.update(block)
  return hash.digest('hex')
}
