// A fault: a job that waits is cancelled in one statement and its hold released in another, with time to die in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { cancelJob as cancelTruly } from '../../../src/jobs/cancel.ts'
import type { Job } from '../../../src/jobs/job.ts'
import { notifyChanged } from '../../../src/jobs/notify.ts'
import { settlement } from '../../../src/jobs/settlement.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export async function cancelJob(db: Database, accountId: string | undefined, id: string): Promise<Job | undefined> {
  const cancelled = await sql`
    update jobs set cancel_requested = true, state = 'cancelled', finished_at = now(), run_at = null
    where id = ${id} and account_id = ${accountId ?? null} and state = 'queued' returning id
  `.execute(db)
  if (cancelled.rows.length > 0) {
    notifyChanged(db, id)
    await sleep(1000)
    await sql`with ended as (select * from jobs where id = ${id}), ${settlement} select id from settled`.execute(db)
  }
  return cancelTruly(db, accountId, id)
}
