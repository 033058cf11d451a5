// DELETE /v2/requests/{id}: what waits ends at once, what is being spoken stops within a step of the model.
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import type { Cancellation } from '../../contract/requests.ts'
import { AppError, invariant } from '../../errors.ts'
import { cancelJob } from '../../jobs/cancel.ts'
import type { Job } from '../../jobs/job.ts'
import { forgetInput } from '../../jobs/sweep.ts'
import { awaitEnd } from '../await-end.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

/** A worker that is alive has seen the wish long before; one that is not is found out by its lease. */
const STOPPED_WITHIN_SECONDS = 2

const STATUSES: Readonly<Record<Job['state'], Cancellation['status']>> = {
  queued: 'CANCELLING',
  running: 'CANCELLING',
  cancelled: 'CANCELLED',
  completed: 'COMPLETED',
  failed: 'FAILED',
}

export function cancelRequest(services: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const written = (request.params as { id: string }).id
    const id = readRequestId(written)
    const asked = id === undefined ? undefined : await cancelJob(services.db, caller.accountId, id)
    if (!asked) throw new AppError('request_not_found', KNOWN_TEXTS.requestNotFound(written))
    const job = await awaitEnd(services, request, reply, asked, STOPPED_WITHIN_SECONDS)
    if (job) await forgetInput(services, job)
    reply.header('cache-control', 'no-store')
    return { request_id: asked.id, status: STATUSES[(job ?? asked).state] } satisfies Cancellation
  }
}
