// A fault: the output becomes visible in one statement and is charged for in another, with time to die in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Completed, type Completion, completeJob as completeTruly } from '../../../src/jobs/finish.ts'
import { notifyChanged } from '../../../src/jobs/notify.ts'
import { newId } from '../../../src/storage/ids.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export * from '../../../src/jobs/finish.ts'

export async function completeJob(db: Database, completion: Completion): Promise<Completed | undefined> {
  const { id, leaseToken, chargeMicro, output } = completion
  const shown = await sql`
    update jobs set
      state = 'completed',
      finished_at = now(),
      charge_micro = ${chargeMicro},
      charged_micro = ${chargeMicro},
      result = ${JSON.stringify(completion.result)},
      output_token = ${newId()},
      output_blob_key = ${output.blobKey},
      output_media_type = ${output.mediaType},
      output_bytes = ${output.bytes},
      output_sha256 = ${output.sha256},
      output_audio_seconds = ${output.audioSeconds}
    where id = ${id} and lease_token = ${leaseToken} and state = 'running' and not cancel_requested
    returning id
  `.execute(db)
  if (shown.rows.length === 0) return completeTruly(db, completion)
  notifyChanged(db, id)
  await sleep(300)
  await sql`
    update jobs set
      state = 'running', finished_at = null, charge_micro = null, charged_micro = 0, result = null, output_token = null,
      output_blob_key = null, output_media_type = null, output_bytes = null, output_sha256 = null, output_audio_seconds = null
    where id = ${id}
  `.execute(db)
  return completeTruly(db, completion)
}
