// What became of a request: GET /v2/requests/{id}/status, GET /v2/requests/{id}, and GET /v1/requests/{id}, its elder spelling.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { findBalance } from '../../billing/accounts.ts'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import { requestQuerySchema } from '../../contract/requests.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import type { CompletedJob, Job } from '../../jobs/job.ts'
import { awaitEnd } from '../await-end.ts'
import { describeCompleted, describeCompletedStatus, describeFailed, describePending } from '../describe-request.ts'
import { publicUrl } from '../public-url.ts'
import { findQueuePosition } from '../queue-position.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export const findStatus = (services: Services): Handler =>
  answerRequest(services, KNOWN_TEXTS.requestNotFound, (job, remainingMicro) =>
    describeCompletedStatus(job, remainingMicro),
  )

export const findResult = (services: Services): Handler =>
  answerRequest(services, KNOWN_TEXTS.requestNotFound, describeCompleted)

export const findRequest = (services: Services): Handler =>
  answerRequest(services, KNOWN_TEXTS.pollNotFound, describeCompleted)

/** `describe` makes the body of a completed request; the others look the same everywhere. */
function answerRequest(
  services: Services,
  notFoundText: (id: string) => string,
  describe: (job: CompletedJob, remainingMicro: number | undefined, publicBase: string) => object,
): Handler {
  return async (request, reply) => {
    const { wait } = validate(requestQuerySchema, request.query)
    const job = await findCallersJob(services, request, reply, wait)
    const publicBase = publicUrl(services.config, request)
    reply.header('cache-control', 'no-store')
    switch (job?.state) {
      case 'queued':
      case 'running':
        return describePending(job, await findQueuePosition(services.db, job), publicBase)
      case 'completed': {
        const balance = await findBalance(services.db, job.accountId)
        return describe(job, balance?.balanceMicro, publicBase)
      }
      case 'failed':
      case 'cancelled': {
        const body = describeFailed(job)
        request.failureCode = body.code
        // A terminal status under 422: clients read the body of a poll before its status code.
        return reply.code(422).send(body)
      }
      case undefined:
        throw new AppError('request_not_found', notFoundText((request.params as { id: string }).id))
    }
  }
}

/** undefined: there is none, it has expired, or it is another account's. */
async function findCallersJob(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  waitSeconds: number,
): Promise<Job | undefined> {
  const { caller } = request
  invariant(caller, 'a request belongs to a caller')
  const id = readRequestId((request.params as { id: string }).id)
  if (id === undefined) return undefined
  return await awaitEnd(services, request, reply, { accountId: caller.accountId, id }, waitSeconds)
}
