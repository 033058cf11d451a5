// Jobs of any account: looked at, cancelled and tried again by whoever runs the server.
import { AppError } from '../errors.ts'
import { cancelJob as cancel } from '../jobs/cancel.ts'
import { type JobSummary, listJobs } from '../jobs/list.ts'
import { notifyChanged, notifyQueued } from '../jobs/notify.ts'
import { requeueJob as requeue } from '../jobs/requeue.ts'
import { isId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { change, type Operator } from './audit-log.ts'

/** Throws AppError `request_not_found`. */
export async function requireJob(db: Database, id: string): Promise<JobSummary> {
  const [job] = isId(id) ? (await listJobs(db, { id }, { limit: 1 })).jobs : []
  if (!job) throw new AppError('request_not_found', 'There is no such request, or it has expired.')
  return job
}

/**
 * A job that waits is cancelled at once, one that runs at its next piece; one that has ended stays as it is, and leaves no entry.
 * Throws AppError `request_not_found`.
 */
export async function cancelJob(operator: Operator, id: string): Promise<JobSummary> {
  const cancelled = await change(operator, async (db) => {
    const before = await requireJob(db, id)
    await cancel(db, before.accountId, id)
    const result = await requireJob(db, id)
    const hasChanged = result.state !== before.state || result.cancelRequested !== before.cancelRequested
    return {
      result,
      entry: hasChanged ? entryOf('job.cancel', before, result) : undefined,
    }
  })
  notifyChanged(operator.db, id)
  return cancelled
}

/**
 * Puts a dead job back into the queue and holds its price anew. Throws AppError `request_not_found`; `invalid_parameter` for a job that
 * is not dead; `insufficient_credits`; `idempotency_conflict` when its key was used again since.
 */
export async function requeueJob(operator: Operator, id: string): Promise<JobSummary> {
  const requeued = await change(operator, async (db) => {
    const before = await requireJob(db, id)
    if (!before.isDead || !(await requeue(db, id))) {
      const message = `Only a failed request whose attempts are used up and whose text is kept can be tried again; this one is ${before.state}.`
      throw new AppError('invalid_parameter', message, { param: 'id' })
    }
    const result = await requireJob(db, id)
    return { result, entry: entryOf('job.requeue', before, result) }
  })
  notifyQueued(operator.db, requeued.mode)
  return requeued
}

const entryOf = (action: 'job.cancel' | 'job.requeue', before: JobSummary, after: JobSummary) => ({
  action,
  targetKind: 'job' as const,
  targetId: after.id,
  accountId: after.accountId,
  before: factsOf(before),
  after: factsOf(after),
})

const factsOf = ({ state, mode, attempts, cancelRequested, errorCode }: JobSummary) => ({
  state,
  mode,
  attempts,
  cancel_requested: cancelRequested,
  error_code: errorCode,
})
