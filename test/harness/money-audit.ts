// Does the money add up, and has everybody who paid got what they paid for, and nobody anything for free?
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Blobs } from '../../src/storage/blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'

/** What a client has received. */
export interface Delivery {
  readonly jobId: string
  /** Of the bytes that arrived, in hex. */
  readonly sha256: string
}

/** Each row of `statement` breaks `rule`; its columns say where. */
const RULES = [
  {
    rule: 'a balance is the sum of its ledger',
    statement: sql`
      select accounts.id, balance_micro, coalesce(sum(amount_micro), 0)::bigint as ledger
      from accounts left join ledger on ledger.account_id = accounts.id
      group by accounts.id having balance_micro <> coalesce(sum(amount_micro), 0)`,
  },
  {
    rule: 'held is the sum of the holds of open jobs',
    statement: sql`
      select accounts.id, held_micro, coalesce(sum(hold_micro - charged_micro), 0)::bigint as holds
      from accounts left join jobs on jobs.account_id = accounts.id and state in ('queued', 'running')
      group by accounts.id having held_micro <> coalesce(sum(hold_micro - charged_micro), 0)`,
  },
  {
    rule: 'no account is below zero or holds more than it has',
    statement: sql`
      select id, balance_micro, held_micro from accounts
      where balance_micro < 0 or held_micro < 0 or held_micro > balance_micro`,
  },
  {
    rule: 'a completed job has one charge, of its amount and its account',
    statement: sql`
      select jobs.id, charge_micro, count(ledger.id)::int as charges, sum(amount_micro)::bigint as charged
      from jobs left join ledger on ledger.job_id = jobs.id and ledger.account_id = jobs.account_id
      where state = 'completed' and not stream
      group by jobs.id having count(ledger.id) <> 1 or sum(amount_micro) <> -charge_micro`,
  },
  {
    rule: 'a job that is not completed has no charge',
    statement: sql`
      select jobs.id, state, amount_micro from jobs join ledger on ledger.job_id = jobs.id
      where state <> 'completed' and not stream`,
  },
  {
    rule: 'what a job has paid is in the ledger, and for a stream it is the sum of its pieces',
    statement: sql`
      select jobs.id, state, charged_micro, charged.micro as charged, made.micro as pieces
      from jobs
      cross join lateral (select -coalesce(sum(amount_micro), 0) as micro from ledger where job_id = jobs.id) as charged
      cross join lateral (select coalesce(sum(charge_micro), 0) as micro from job_pieces where job_id = jobs.id) as made
      where charged_micro <> charged.micro or (stream and charged_micro <> made.micro and coalesce(finished_at, now()) > now() - interval '5 minutes')
        or (state = 'completed' and charged_micro <> charge_micro)`,
  },
  {
    rule: 'the parts of a piece have no gap, its last one ends it, and a completed stream has no piece without an end',
    statement: sql`
      select job_id, index, state, count(*)::int as parts, max(part) as last
      from job_pieces join jobs on jobs.id = job_id
      group by job_id, index, state, stream
      having count(*) <> max(part) + 1 or min(part) filter (where is_last) < max(part)
        or (stream and state = 'completed' and not bool_or(is_last))`,
  },
  {
    // Whoever tells receivers takes the event out and leaves a delivery, which is the event from then on, where the request has named a URL.
    rule: 'an async job that has ended has one event for its end, and one that has not has none',
    statement: sql`
      select jobs.id, state, noted.events, noted.untrue
      from jobs cross join lateral (
        select count(*)::int as events, count(*) filter (where kind <> state)::int as untrue from (
          select kind from job_events where job_id = jobs.id
          union all select event from webhook_deliveries where job_id = jobs.id and webhook_id is null
        ) as known
      ) as noted
      where mode = 'async' and (untrue > 0
        or case
          when state in ('queued', 'running') then events > 0
          when webhook_url is null then events > 1
          else events <> 1
        end)`,
  },
  {
    rule: 'the usage of an account is what was charged for its jobs that have ended',
    statement: sql`
      select accounts.id, coalesce(used.micro, 0) as used, charged.micro as charged
      from accounts
      left join (select account_id, sum(cost_micro) as micro from usage_days group by account_id) as used on account_id = accounts.id
      cross join lateral (
        select -coalesce(sum(amount_micro), 0) as micro from ledger
        where ledger.account_id = accounts.id and kind = 'charge'
          and not exists (select from jobs where jobs.id = ledger.job_id and state in ('queued', 'running'))
      ) as charged
      where coalesce(used.micro, 0) <> charged.micro`,
  },
  {
    rule: 'an idempotency key has one job that is open or completed',
    statement: sql`
      select account_id, idempotency_key, count(*)::int as jobs from jobs
      where idempotency_key is not null and state not in ('failed', 'cancelled')
      group by account_id, idempotency_key having count(*) > 1`,
  },
]

/**
 * Returns a line for everything that is wrong; none is what a test wants. Every completed job's output is read back and compared with
 * its SHA-256, and so is everything in `deliveries`. May run while jobs are open, but not while they move.
 */
export async function auditMoney(
  db: Database,
  blobs: Blobs,
  deliveries: readonly Delivery[] = [],
): Promise<readonly string[]> {
  const violations: string[] = []
  for (const { rule, statement } of RULES) {
    const { rows } = await statement.execute(db)
    for (const row of rows) violations.push(`Not true that ${rule}: ${JSON.stringify(row)}`)
  }
  const outputs = await findOutputs(db)
  for (const { id, key, bytes, sha256 } of outputs.values()) {
    const stored = await blobs.read(key)
    if (!stored) violations.push(`The output of job ${id} was charged and is not stored`)
    else if (stored.byteLength !== bytes || sha256Of(stored) !== sha256)
      violations.push(`The output of job ${id} is damaged`)
  }
  for (const { jobId, sha256 } of deliveries) {
    const output = outputs.get(jobId)
    if (!output) violations.push(`Job ${jobId} was delivered and never completed`)
    else if (output.sha256 !== sha256) violations.push(`Job ${jobId} was delivered with other bytes than were stored`)
  }
  return violations
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function findOutputs(db: Database) {
  const { rows } = await sql<{ id: string; key: string; bytes: number; sha256: string }>`
    select id, output_blob_key as key, output_bytes as bytes, output_sha256 as sha256 from jobs where state = 'completed'
  `.execute(db)
  return new Map(rows.map((row) => [row.id, row]))
}
