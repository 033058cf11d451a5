// A fault: the output becomes visible in one statement and is charged for in another, with time to die in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Completed, Completion } from '../../../src/jobs/finish.ts'
import { newId } from '../../../src/storage/ids.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export * from '../../../src/jobs/finish.ts'

export async function completeJob(db: Database, completion: Completion): Promise<Completed | undefined> {
  const { id, leaseToken, chargeMicro, output } = completion
  const completed = await sql<Completed & { accountId: string; holdMicro: number }>`
    update jobs set
      state = 'completed',
      finished_at = now(),
      charge_micro = ${chargeMicro},
      result = ${JSON.stringify(completion.result)},
      output_token = ${newId()},
      output_blob_key = ${output.blobKey},
      output_media_type = ${output.mediaType},
      output_bytes = ${output.bytes},
      output_sha256 = ${output.sha256},
      output_audio_seconds = ${output.audioSeconds}
    where id = ${id} and lease_token = ${leaseToken} and state = 'running'
    returning account_id as "accountId", hold_micro as "holdMicro", output_token as "outputToken", expires_at as "expiresAt"
  `.execute(db)
  const [job] = completed.rows
  if (!job) return undefined
  await sleep(300)
  const charged = await sql<{ remainingMicro: number }>`
    with charge as (
      insert into ledger (account_id, kind, amount_micro, job_id)
      values (${job.accountId}, 'charge', ${-chargeMicro}, ${id})
    )
    update accounts set
      balance_micro = balance_micro - ${chargeMicro},
      held_micro = held_micro - ${job.holdMicro}
    where id = ${job.accountId}
    returning balance_micro as "remainingMicro"
  `.execute(db)
  return { ...job, remainingMicro: charged.rows[0]?.remainingMicro ?? 0 }
}
