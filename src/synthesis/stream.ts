// The file of a job that is still being spoken, made of its pieces, and parts of pieces, as they come.
import { encodeStream } from '../audio/encode/encoder.ts'
import { mediaTypeOf } from '../audio/formats.ts'
import { findBalance } from '../billing/accounts.ts'
import { splitIntoPieces } from '../engine/text/pieces.ts'
import { AppError } from '../errors.ts'
import type { CompletedJob, FailedJob, Job } from '../jobs/job.ts'
import type { Submitted } from '../jobs/submit.ts'
import type { Database } from '../storage/postgres.ts'
import type { FollowedPart } from './follow-job.ts'
import type { OwnStream, SpeechFacts, StreamedPiece, StreamTotals } from './speech.ts'
import type { StoredRequest } from './stored-request.ts'

type Parts = AsyncGenerator<FollowedPart, Job | undefined, void>

/** The first part in which there is anything to hear; or the job, when it has none. */
export async function firstSound(parts: Parts): Promise<IteratorResult<FollowedPart, Job | undefined>> {
  let next = await parts.next()
  while (!next.done && next.value.samples.length === 0) next = await parts.next()
  return next
}

/** `parts` are those after `first`. `askedAtMs`: by `performance.now()`. */
export function openStream(
  { db }: { readonly db: Database },
  { job, kind }: Submitted,
  first: FollowedPart,
  parts: Parts,
  askedAtMs: number,
): OwnStream {
  const { text, seed, format, encoding, latency = 'normal' } = job.request as StoredRequest // submit-speech.ts writes it with the job
  const { model, sampleRate, tags } = first
  const { createdAt, startedAt } = first.job
  let ended: Job | undefined
  const texts: readonly (string | undefined)[] = text === undefined ? [] : splitIntoPieces(text)
  const begun: StreamedPiece[] = []
  let startSeconds = 0
  const begin = ({ index, isLast, samples }: FollowedPart): Float32Array => {
    const seconds = samples.length / sampleRate
    const isNew = index !== begun.at(-1)?.index
    if (isNew) begun.push({ index, text: texts[index], startSeconds, seconds: isLast ? seconds : undefined })
    startSeconds += seconds
    return samples
  }
  async function* samples(): AsyncGenerator<Float32Array, void, void> {
    yield begin(first)
    for (let next = await parts.next(); ; next = await parts.next()) {
      if (next.done) {
        ended = next.value
        requireCompleted(ended) // before the file gets its end
        return
      }
      if (next.value.samples.length > 0) yield begin(next.value)
    }
  }
  async function* bytes(): AsyncGenerator<Uint8Array, StreamTotals, void> {
    yield* encodeStream(samples(), sampleRate, format, tags, encoding)
    return readTotals(db, requireCompleted(ended))
  }
  return {
    head: {
      requestId: job.id,
      mediaType: mediaTypeOf(format, encoding),
      format,
      model,
      seed,
      sampleRate: encoding?.sampleRate ?? sampleRate,
      latency,
      queueSeconds: startedAt ? Math.max(0, startedAt.getTime() - createdAt.getTime()) / 1000 : 0,
      firstAudioSeconds: (performance.now() - askedAtMs) / 1000,
      replayed: kind === 'same',
    },
    pieces: begun,
    bytes: bytes(),
  }
}

export async function readTotals(db: Database, job: CompletedJob): Promise<StreamTotals> {
  const balance = await findBalance(db, job.accountId)
  const facts = job.result as SpeechFacts // perform-job.ts writes it with the job
  return { ...facts, costMicro: job.chargeMicro, remainingMicro: balance?.balanceMicro ?? 0 }
}

/** Whatever is not completed has sent a part of its speech, and nobody shall take that for the whole. */
export function requireCompleted(job: Job | undefined): CompletedJob {
  if (job?.state === 'completed') return job
  if (job?.state === 'failed') throw failureOf(job)
  if (job?.state === 'queued' || job?.state === 'running') {
    throw new AppError('timeout', 'Request timed out', { requestId: job.id })
  }
  throw unavailable(1)
}

export const unavailable = (retryAfterSeconds: number): AppError =>
  new AppError('unavailable', 'Service temporarily unavailable', { retryAfterSeconds })

export function failureOf({ error }: FailedJob): AppError {
  const { code, message, param } = error
  return new AppError(code, message, {
    ...(param === undefined ? {} : { param }),
    ...(code === 'unavailable' || code === 'overloaded' ? { retryAfterSeconds: 1 } : {}),
  })
}
