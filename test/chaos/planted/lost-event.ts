// A fault: an event is taken out in one statement and told of in others, with time to die in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../../../src/storage/postgres.ts'
import { fanOutEvents as fanOutTruly } from '../../../src/webhooks/fan-out.ts'

export * from '../../../src/webhooks/fan-out.ts'

export async function fanOutEvents(db: Database): Promise<number> {
  const { rows } = await sql`delete from job_events returning job_id, account_id, kind, at`.execute(db)
  if (rows.length === 0) return 0
  await sleep(1000)
  await sql`
    insert into job_events (job_id, account_id, kind, at)
    select job_id, account_id, kind, at
    from json_to_recordset(${JSON.stringify(rows)}) as event (job_id text, account_id text, kind text, at timestamptz)
  `.execute(db)
  return fanOutTruly(db)
}
