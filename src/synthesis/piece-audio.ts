// One piece of a finished text as a file of its own.
import { encodeAudio } from '../audio/encode/encoder.ts'
import { concatSamples } from '../audio/pcm.ts'
import { findOutput } from '../jobs/outputs.ts'
import { findPieces } from '../jobs/pieces.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { readPieceFile, type StoredPiece } from './piece-file.ts'

export interface PieceAudio {
  readonly jobId: string
  /** WAV. */
  readonly bytes: Uint8Array
  readonly expiresAt: Date
}

/** undefined: there is no such output, or no such piece, or neither is kept any more. The token is the permission. */
export async function readPieceAudio(
  { db, blobs }: { readonly db: Database; readonly blobs: Blobs },
  outputToken: string,
  index: number,
): Promise<PieceAudio | undefined> {
  const output = await findOutput(db, outputToken)
  if (output?.retention !== 'normal') return undefined
  const row = (await findPieces(db, output.jobId, index))[0]
  if (row?.index !== index) return undefined
  const parts: StoredPiece[] = []
  for (const blobKey of row.blobKeys) {
    const file = await blobs.read(blobKey)
    if (!file) return undefined
    parts.push(readPieceFile(file))
  }
  const samples = concatSamples(parts.map((part) => part.samples))
  const bytes = await encodeAudio(samples, row.sampleRate, 'wav', parts[0]?.tags)
  return { jobId: output.jobId, bytes, expiresAt: output.expiresAt }
}
