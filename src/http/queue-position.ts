// The `queue_position` of a request.
import type { Job } from '../jobs/job.ts'
import { countJobsAhead } from '../jobs/queue.ts'
import type { Database } from '../storage/postgres.ts'

/** Counting stops here: polls are frequent, and nobody plans by the difference between a thousand and two thousand. */
const FARTHEST = 1000

/** undefined: it does not wait. */
export async function findQueuePosition(db: Database, { id, state }: Job): Promise<number | undefined> {
  return state === 'queued' ? await countJobsAhead(db, id, FARTHEST) : undefined
}
