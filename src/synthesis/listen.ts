// A request heard while it is being spoken, by however many listeners: they pay nothing, and whether they stay changes nothing. The pieces as
// they are committed, then the rest from the output itself. All of it rounded to 16 bit first, as in the output, so that what is heard now is
// what can be fetched later.
import { encodeStream } from '../audio/encode/encoder.ts'
import { type AudioFormat, FORMAT_FACTS } from '../audio/formats.ts'
import { fromInt16, toInt16 } from '../audio/pcm.ts'
import { AppError } from '../errors.ts'
import type { Job, OpenJob } from '../jobs/job.ts'
import type { JobSignals } from '../jobs/signals.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { type FollowedPart, followJob } from './follow-job.ts'
import { readKeptSamples } from './kept-wav.ts'
import type { SpeechFacts, SpeechStream, StreamTotals } from './speech.ts'
import type { StoredRequest } from './stored-request.ts'
import { firstSound, readTotals, requireCompleted } from './stream.ts'

export interface ListenDeps {
  readonly db: Database
  readonly blobs: Blobs
  readonly signals: JobSignals
}

export interface Listening {
  readonly job: OpenJob
  readonly format: AudioFormat
  /** The longest wait for the next sound. */
  readonly patienceMs: number
}

/**
 * The stream of a job whose output will be a WAV file, once its first sound is there; or the job, where it has ended without any; undefined:
 * there is none any more. Throws AppError `timeout` when patience is over.
 */
export async function listen(
  deps: ListenDeps,
  { job, format, patienceMs }: Listening,
  signal: AbortSignal,
): Promise<SpeechStream | Job | undefined> {
  const askedAtMs = performance.now()
  const following = followJob(deps, { accountId: job.accountId, id: job.id, patienceMs }, signal)
  const first = await firstSound(following)
  if (first.done) {
    if (first.value?.state === 'queued' || first.value?.state === 'running') requireCompleted(first.value)
    return first.value
  }
  const { seed, latency = 'normal' } = job.request as StoredRequest // submit-speech.ts writes it with the job
  const { model, sampleRate, job: found } = first.value
  return {
    head: {
      requestId: job.id,
      mediaType: FORMAT_FACTS[format].mediaType,
      format,
      model,
      seed,
      sampleRate,
      latency,
      queueSeconds: found.startedAt ? Math.max(0, found.startedAt.getTime() - found.createdAt.getTime()) / 1000 : 0,
      firstAudioSeconds: (performance.now() - askedAtMs) / 1000,
      replayed: false,
    },
    bytes: encode(deps, first.value, following, format),
  }
}

async function* encode(
  { db, blobs }: ListenDeps,
  first: FollowedPart,
  following: AsyncGenerator<FollowedPart, Job | undefined, void>,
  format: AudioFormat,
): AsyncGenerator<Uint8Array, StreamTotals, void> {
  let ended: Job | undefined
  async function* samples(): AsyncGenerator<Float32Array, void, void> {
    let sent = 0
    let next: IteratorResult<FollowedPart, Job | undefined> = { done: false, value: first }
    for (; !next.done; next = await following.next()) {
      sent += next.value.samples.length
      if (next.value.samples.length > 0) yield fromInt16(toInt16(next.value.samples))
    }
    ended = next.value
    const completed = requireCompleted(ended) // before the file gets its end
    // Another worker has taken over and begun anew with another engine: the rest is not of what was heard.
    if ((completed.result as SpeechFacts).model !== first.model) throw new AppError('unavailable', 'It was begun anew.')
    yield* readKeptSamples(blobs, completed, sent)
  }
  try {
    yield* encodeStream(samples(), first.sampleRate, format, first.tags)
    return await readTotals(db, requireCompleted(ended))
  } finally {
    await following.return(undefined)
  }
}
