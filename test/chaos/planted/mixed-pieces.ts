// A fault: whoever goes on with a job gets the pieces that are made in the wrong order.
import { type Claim, type ClaimedJob, claimJobs as claimTruly } from '../../../src/jobs/claim.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export * from '../../../src/jobs/claim.ts'

export async function claimJobs(db: Database, claim: Claim): Promise<ClaimedJob[]> {
  const jobs = await claimTruly(db, claim)
  return jobs.map((job) => ({ ...job, pieces: job.pieces.toReversed() }))
}
