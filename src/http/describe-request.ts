// A job as the contract shows it: waiting, running, finished, failed or cancelled.
import { KNOWN_TEXTS } from '../contract/errors.ts'
import type {
  CompletedRequest,
  CompletedStatus,
  FailedRequest,
  PendingRequest,
  SubmittedRequest,
} from '../contract/requests.ts'
import type { CancelledJob, CompletedJob, FailedJob, Job, OpenJob } from '../jobs/job.ts'
import type { SpeechFacts } from '../synthesis/speech.ts'
import { describeFinished, roundToMillisecond } from './speech-answer.ts'

/** Where a request is polled. Absolute: clients fetch them as they are. `publicBase` has no slash at its end. */
export function requestUrls(
  id: string,
  publicBase: string,
): Record<'poll_url' | 'status_url' | 'response_url', string> {
  return {
    poll_url: `${publicBase}/v1/requests/${id}`,
    status_url: `${publicBase}/v2/requests/${id}/status`,
    response_url: `${publicBase}/v2/requests/${id}`,
  }
}

/** In the words of the contract, which knows two ends: a cancelled request is a failed one with a code. */
export function requestStatus({ state }: Pick<Job, 'state'>): 'QUEUED' | 'PROCESSING' | 'COMPLETED' | 'FAILED' {
  switch (state) {
    case 'queued':
      return 'QUEUED'
    case 'running':
      return 'PROCESSING'
    case 'completed':
      return 'COMPLETED'
    case 'failed':
    case 'cancelled':
      return 'FAILED'
  }
}

/** `queuePosition`: how many are served before it; undefined where it no longer waits. */
export function describeSubmitted(job: Job, queuePosition: number | undefined, publicBase: string): SubmittedRequest {
  return {
    request_id: job.id,
    status: job.state === 'completed' ? 'COMPLETED' : job.state === 'running' ? 'PROCESSING' : 'QUEUED',
    ...requestUrls(job.id, publicBase),
    ...(queuePosition === undefined ? {} : { queue_position: queuePosition }),
    expires_at: job.expiresAt.toISOString(),
  }
}

export function describePending(job: OpenJob, queuePosition: number | undefined, publicBase: string): PendingRequest {
  const { status_url, response_url } = requestUrls(job.id, publicBase)
  return {
    status: job.state === 'queued' ? 'QUEUED' : 'PROCESSING',
    request_id: job.id,
    status_url,
    response_url,
    ...(queuePosition === undefined ? {} : { queue_position: queuePosition }),
    metrics: {},
    expires_at: job.expiresAt.toISOString(),
  }
}

/** `remainingMicro`: the balance of the account now. */
export function describeCompleted(
  job: CompletedJob,
  remainingMicro: number | undefined,
  publicBase: string,
): CompletedRequest {
  const { seed, model, timings } = job.result as SpeechFacts // synthesis writes it with the job
  const described = describeFinished(
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
  return { ...described, metrics: { ...described.metrics, ...retries(job) } }
}

/** The same without the output, for who only asks how far it is. */
export function describeCompletedStatus(job: CompletedJob, remainingMicro: number | undefined): CompletedStatus {
  const { status, request_id, metrics, expires_at } = describeCompleted(job, remainingMicro, '')
  return { status, request_id, metrics, expires_at }
}

/** Clients know two ends, COMPLETED and FAILED, and would poll on at any other: a cancelled request is a failed one with a code. */
export function describeFailed(job: FailedJob | CancelledJob): FailedRequest {
  const { code, message, param } =
    job.state === 'failed'
      ? job.error
      : { code: 'cancelled' as const, message: KNOWN_TEXTS.cancelled, param: undefined }
  const secondsBetween = (from: Date, to: Date) => roundToMillisecond((to.getTime() - from.getTime()) / 1000)
  return {
    status: 'FAILED',
    request_id: job.id,
    error: message,
    code,
    ...(param === undefined ? {} : { param }),
    metrics: {
      ...(job.startedAt ? { inference_time: secondsBetween(job.startedAt, job.finishedAt) } : {}),
      queue_time: secondsBetween(job.createdAt, job.startedAt ?? job.finishedAt),
      total_time: secondsBetween(job.createdAt, job.finishedAt),
      ...retries(job),
    },
    expires_at: job.expiresAt.toISOString(),
  }
}

function retries({ attempts }: Job): { retry_count?: number } {
  return attempts > 1 ? { retry_count: attempts - 1 } : {}
}
