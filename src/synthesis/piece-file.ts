// A spoken piece as bytes, for whoever goes on with its text: exact samples, and the engine they are from.
import type { AudioTags } from '../audio/encode/tags.ts'
import type { ModelName } from '../engine/engine.ts'
import { invariant } from '../errors.ts'

export interface StoredPiece {
  readonly model: ModelName
  readonly version: string
  /** What the file of the whole text will carry: who sends the pieces while they are made sends the same. */
  readonly tags: AudioTags
  /** Mono, full scale ±1, at the rate that the piece's row states. */
  readonly samples: Float32Array
}

const LENGTH_BYTES = 4

/** Length of the head in bytes (little-endian), the head as JSON, samples as 32-bit floats (little-endian). */
export function writePieceFile({ samples, ...facts }: StoredPiece): Uint8Array {
  const head = Buffer.from(JSON.stringify(facts))
  const bytes = Buffer.alloc(LENGTH_BYTES + head.length + samples.length * 4)
  bytes.writeUInt32LE(head.length, 0)
  head.copy(bytes, LENGTH_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset + LENGTH_BYTES + head.length)
  for (let i = 0; i < samples.length; i++) view.setFloat32(i * 4, samples[i] ?? 0, true)
  return bytes
}

/** Throws when `bytes` are not what writePieceFile made: a store that answers with other bytes is broken. */
export function readPieceFile(bytes: Uint8Array): StoredPiece {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  invariant(bytes.byteLength >= LENGTH_BYTES, 'a stored piece is empty')
  const start = LENGTH_BYTES + view.getUint32(0, true)
  invariant(start <= bytes.byteLength && (bytes.byteLength - start) % 4 === 0, 'a stored piece is cut off')
  const head = JSON.parse(Buffer.from(bytes.subarray(LENGTH_BYTES, start)).toString())
  const samples = new Float32Array((bytes.byteLength - start) / 4)
  for (let i = 0; i < samples.length; i++) samples[i] = view.getFloat32(start + i * 4, true)
  return { ...head, samples }
}
