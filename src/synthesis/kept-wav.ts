// The stored output of a job that is a WAV file, as samples again: from any place on, a little at a time.
import type { AudioTags } from '../audio/encode/tags.ts'
import { fromInt16 } from '../audio/pcm.ts'
import { AppError, invariant } from '../errors.ts'
import type { CompletedJob } from '../jobs/job.ts'
import type { Blobs } from '../storage/blobs.ts'
import { tagsOfWav } from './provenance.ts'
import type { SpeechFacts } from './speech.ts'

const BYTES_PER_SAMPLE = 2

/** Where the samples begin: they are the end of the file. */
function headBytes({ id, output, result }: CompletedJob): number {
  const { audioSeconds, sampleRate } = result as SpeechFacts // perform-job.ts writes it with the job
  const bytes = output.bytes - Math.round(audioSeconds * sampleRate) * BYTES_PER_SAMPLE
  invariant(bytes > 0, `the output of job ${id} is shorter than its sound`)
  return bytes
}

/** The mark that the file carries; undefined: it has none. Throws AppError `not_found` when the file is gone. */
export async function readKeptTags(blobs: Blobs, job: CompletedJob): Promise<AudioTags | undefined> {
  const head: Uint8Array[] = []
  for await (const block of await open(blobs, job, 0, headBytes(job))) head.push(block)
  return tagsOfWav(Buffer.concat(head))
}

/** Throws AppError `not_found` when the file is gone. */
export async function* readKeptSamples(
  blobs: Blobs,
  job: CompletedJob,
  fromSample = 0,
): AsyncGenerator<Float32Array, void, void> {
  const start = headBytes(job) + fromSample * BYTES_PER_SAMPLE
  if (start >= job.output.bytes) return
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of await open(blobs, job, start, job.output.bytes)) {
    const bytes = rest.length === 0 ? block : Buffer.concat([rest, block])
    const pcm = new Int16Array(Math.floor(bytes.length / BYTES_PER_SAMPLE))
    for (let i = 0; i < pcm.length; i++) pcm[i] = bytes.readInt16LE(i * BYTES_PER_SAMPLE)
    rest = bytes.subarray(pcm.length * BYTES_PER_SAMPLE)
    if (pcm.length > 0) yield fromInt16(pcm)
  }
}

async function open(
  blobs: Blobs,
  { output }: CompletedJob,
  start: number,
  end: number,
): Promise<AsyncIterable<Buffer>> {
  const stream = await blobs.stream(output.blobKey, { start, end })
  if (!stream) throw new AppError('not_found', 'This output was made, sent and deleted.')
  return stream
}
