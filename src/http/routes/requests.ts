// GET /v1/requests/{id}: what became of a request.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { findBalance } from '../../billing/accounts.ts'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import type { CompletedRequest, FailedRequest, PendingRequest } from '../../contract/requests.ts'
import { AppError, invariant } from '../../errors.ts'
import { type CompletedJob, type FailedJob, findJob, type OpenJob } from '../../jobs/job.ts'
import type { SpeechFacts } from '../../synthesis/speech.ts'
import { publicUrl } from '../public-url.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { describeFinished } from '../speech-answer.ts'

export function findRequest({ config, db }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const written = (request.params as { id: string }).id
    const id = readRequestId(written)
    const job = id === undefined ? undefined : await findJob(db, caller.accountId, id)
    reply.header('cache-control', 'no-store')
    switch (job?.state) {
      case 'queued':
      case 'running':
        return describePending(job, publicUrl(config, request))
      case 'completed': {
        const balance = await findBalance(db, caller.accountId)
        return describeCompleted(job, balance?.balanceMicro, publicUrl(config, request))
      }
      case 'failed':
        return answerFailed(job, request, reply)
      case 'cancelled': // only asynchronous requests can be, and they have their own routes
      case undefined:
        throw new AppError('request_not_found', KNOWN_TEXTS.pollNotFound(written))
    }
  }
}

/** A synchronous request has no other URLs than this one. */
function describePending(job: OpenJob, publicBase: string): PendingRequest {
  const url = `${publicBase}/v1/requests/${job.id}`
  const status = job.state === 'queued' ? 'QUEUED' : 'PROCESSING'
  return { status, request_id: job.id, status_url: url, response_url: url, metrics: {} }
}

function describeCompleted(job: CompletedJob, balanceMicro: number | undefined, publicBase: string): CompletedRequest {
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
      remainingMicro: balanceMicro,
      timings,
      expiresAt: job.expiresAt,
    },
    publicBase,
  )
}

/** 422 with a terminal status: clients read the body of a poll before its status code. */
function answerFailed(job: FailedJob, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { code, message, param } = job.error
  request.failureCode = code
  return reply.code(422).send({
    status: 'FAILED',
    request_id: job.id,
    error: message,
    code,
    ...(param === undefined ? {} : { param }),
    metrics: { total_time: Math.round(job.finishedAt.getTime() - job.createdAt.getTime()) / 1000 },
  } satisfies FailedRequest)
}
