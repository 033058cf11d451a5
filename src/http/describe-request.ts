// A job as the contract shows it: waiting, running, finished, failed or cancelled.
import { KNOWN_TEXTS } from '../contract/errors.ts'
import type { CompletedRequest, FailedRequest, PendingRequest } from '../contract/requests.ts'
import type { CancelledJob, CompletedJob, FailedJob, OpenJob } from '../jobs/job.ts'
import type { SpeechFacts } from '../synthesis/speech.ts'
import { describeFinished, roundToMillisecond } from './speech-answer.ts'

/** A synchronous request has no other URLs than this one. */
export function describePending(job: OpenJob, publicBase: string): PendingRequest {
  const url = `${publicBase}/v1/requests/${job.id}`
  const status = job.state === 'queued' ? 'QUEUED' : 'PROCESSING'
  return { status, request_id: job.id, status_url: url, response_url: url, metrics: {} }
}

/** `remainingMicro`: the balance of the account now. */
export function describeCompleted(
  job: CompletedJob,
  remainingMicro: number | undefined,
  publicBase: string,
): CompletedRequest {
  const { seed, model, timings } = job.result as SpeechFacts // synthesis writes it with the job
  return describeFinished(
    {
      requestId: job.id,
      outputToken: job.output.token,
      mediaType: job.output.mediaType,
      byteLength: job.output.bytes,
      seed,
      model,
      costMicro: job.chargeMicro,
      remainingMicro,
      timings,
      expiresAt: job.expiresAt,
    },
    publicBase,
  )
}

/** Clients know two ends, COMPLETED and FAILED, and would poll on at any other: a cancelled request is a failed one with a code. */
export function describeFailed(job: FailedJob | CancelledJob): FailedRequest {
  const { code, message, param } =
    job.state === 'failed'
      ? job.error
      : { code: 'cancelled' as const, message: KNOWN_TEXTS.cancelled, param: undefined }
  return {
    status: 'FAILED',
    request_id: job.id,
    error: message,
    code,
    ...(param === undefined ? {} : { param }),
    metrics: { total_time: roundToMillisecond((job.finishedAt.getTime() - job.createdAt.getTime()) / 1000) },
  }
}
