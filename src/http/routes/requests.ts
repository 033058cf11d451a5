// GET /v1/requests/{id}: what became of a request.
import { findBalance } from '../../billing/accounts.ts'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import { AppError, invariant } from '../../errors.ts'
import { findJob } from '../../jobs/job.ts'
import { describeCompleted, describeFailed, describePending } from '../describe-request.ts'
import { publicUrl } from '../public-url.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

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
      case 'cancelled': {
        const body = describeFailed(job)
        request.failureCode = body.code
        // A terminal status under 422: clients read the body of a poll before its status code.
        return reply.code(422).send(body)
      }
      case undefined:
        throw new AppError('request_not_found', KNOWN_TEXTS.pollNotFound(written))
    }
  }
}
