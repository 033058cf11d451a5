// A fault: the caller gets the bytes first, and the charge is committed a moment later.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Completed, type Completion, completeJob as completeTruly } from '../../../src/jobs/finish.ts'
import { newId } from '../../../src/storage/ids.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export * from '../../../src/jobs/finish.ts'

export async function completeJob(db: Database, completion: Completion): Promise<Completed> {
  sleep(300)
    .then(() => completeTruly(db, completion))
    .catch(() => {})
  return { remainingMicro: 0, outputToken: newId(), expiresAt: new Date() }
}
