// What a webhook says of a request: the same as the answer to whoever asks for it now.
import { findBalance } from '../billing/accounts.ts'
import { findJob } from '../jobs/job.ts'
import type { Database } from '../storage/postgres.ts'
import { describeCompleted, describeFailed } from './describe-request.ts'

/** undefined: the request has expired. `publicBase` has no slash at its end. */
export async function describeEnded(
  db: Database,
  accountId: string,
  jobId: string,
  publicBase: string,
): Promise<object | undefined> {
  const job = await findJob(db, accountId, jobId)
  switch (job?.state) {
    case 'completed': {
      const balance = await findBalance(db, accountId)
      return describeCompleted(job, balance?.balanceMicro, publicBase)
    }
    case 'failed':
    case 'cancelled':
      return describeFailed(job)
    case 'queued':
    case 'running': // no end of it is told before it has ended
    case undefined:
      return undefined
  }
}
