// A fault: a piece of a stream can be heard after one statement and is paid for in another, with time to die in between.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { commitPart as commitTruly, type PartCommit } from '../../../src/jobs/pieces.ts'
import type { Database } from '../../../src/storage/postgres.ts'

export * from '../../../src/jobs/pieces.ts'

export async function commitPart(db: Database, piece: PartCommit): Promise<'committed' | 'cancel' | 'lost'> {
  const { id, index, chargeMicro } = piece
  const outcome = await commitTruly(db, { ...piece, chargeMicro: 0 })
  if (outcome !== 'committed' || chargeMicro === 0) return outcome
  await sleep(1000)
  await sql`
    with job as (
      update jobs set charged_micro = charged_micro + ${chargeMicro}::bigint where id = ${id} returning id, account_id
    ), piece as (
      update job_pieces set charge_micro = ${chargeMicro}::bigint where job_id = ${id} and index = ${index} and part = 0
    ), charge as (
      insert into ledger (account_id, kind, amount_micro, job_id, piece)
      select account_id, 'charge', -${chargeMicro}::bigint, id, ${index} from job
    )
    update accounts set balance_micro = balance_micro - ${chargeMicro}::bigint, held_micro = held_micro - ${chargeMicro}::bigint
    from job where accounts.id = job.account_id
  `.execute(db)
  return 'committed'
}
