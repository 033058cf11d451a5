// The stored WAV file of a job in another format: byte for byte what the same request would have had, asked for in that format. It is written
// to a temporary file without a name, so that however long it is, memory holds a moment of it, and a crash leaves nothing behind.
import { mkdtemp, open, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createEncoder } from '../audio/encode/encoder.ts'
import type { AudioFormat } from '../audio/formats.ts'
import type { CompletedJob } from '../jobs/job.ts'
import type { Blobs } from '../storage/blobs.ts'
import { readKeptSamples, readKeptTags } from './kept-wav.ts'
import type { SpeechFacts } from './speech.ts'

export interface Converted {
  readonly bytes: number
  /** To be read to its end or destroyed. */
  readonly stream: Readable
}

/** Throws AppError `not_found` when the output is gone, and the signal's reason. */
export async function convertOutput(
  blobs: Blobs,
  job: CompletedJob,
  format: AudioFormat,
  signal: AbortSignal,
): Promise<Converted> {
  const { sampleRate } = job.result as SpeechFacts // perform-job.ts writes it with the job
  const tags = await readKeptTags(blobs, job)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chatterbox-convert-'))
  const file = await open(path.join(folder, format), 'w+').finally(() => rm(folder, { recursive: true, force: true }))
  try {
    using encoder = await createEncoder(format, sampleRate, tags)
    let bytes = 0
    const write = async (block: Uint8Array) => {
      await file.write(block, 0, block.length, bytes)
      bytes += block.length
    }
    for await (const samples of readKeptSamples(blobs, job)) {
      signal.throwIfAborted()
      await write(await encoder.encode(samples))
      await setImmediate() // others in between: a second of MP3 takes 7 ms of this thread
    }
    await write(await encoder.finish())
    const head = encoder.finalHead?.()
    if (head) await file.write(head, 0, head.length, 0)
    return { bytes, stream: file.createReadStream({ start: 0 }) }
  } catch (error) {
    await file.close()
    throw error
  }
}
