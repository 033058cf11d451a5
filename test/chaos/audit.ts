// What must be true when everything has come to rest: of the books, the files, what customers hold and what receivers were told.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Blobs } from '../../src/storage/blobs.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { auditMoney } from '../harness/money-audit.ts'
import type { Customers } from './customers.ts'
import type { VictimDatabase } from './databases.ts'
import { auditExpiry, auditFiles } from './files-audit.ts'
import { auditMessages } from './messages-audit.ts'
import { auditPieces } from './pieces-audit.ts'
import type { Platform } from './platform.ts'
import { auditReceipts } from './receipts-audit.ts'
import type { Receiver } from './receiver.ts'
import { auditStreams } from './streams-audit.ts'

// Several attempts at one job, each ended by a lease that runs out after 15 s, and as long a delay between them.
const AT_REST_TIMEOUT_MS = 180_000
const HURRY_EVERY_MS = 500

export interface AtRest {
  readonly platform: Platform
  readonly database: VictimDatabase
  readonly customers: Customers
  readonly receiver: Receiver
  readonly blobs: Blobs
  readonly pricePer1000: number
  /** Ends leases and delays that only time would end. A living worker loses its leases as well: it must notice. */
  readonly hurry: boolean
  readonly say: (line: string) => void
}

export interface Audit {
  readonly violations: readonly string[]
  /** How many there are of what, in the database and the files. */
  readonly books: Readonly<Record<string, number>>
}

/** Lets the customers finish, waits until nothing is open, stops the service as an operator would, and goes through everything. */
export async function auditAtRest(parts: AtRest): Promise<Audit> {
  const { violations, books } = await auditJoined(parts)
  const leftovers = (await parts.platform.leftovers()).filter(({ command }) => !isPostgresOf(parts.database, command))
  return { violations: [...violations, ...leftovers.map(({ command }) => `still runs: ${command}`)], books }
}

async function auditJoined({ platform, database, customers, receiver, blobs, say, ...parts }: AtRest): Promise<Audit> {
  await using joined = await database.join()
  const { db } = joined
  let open: readonly string[]
  {
    await using _hurrying = parts.hurry ? hurry(db) : undefined
    await customers.finish()
    say('the customers have what they want')
    await customers.replayAll()
    open = await waitUntilAtRest(db)
    say('all is at rest')
  }
  const stopping = await platform.stop()
  const files = await auditFiles(db, blobs)
  const violations = [
    ...open.map((what) => `${what} is still open`),
    ...stopping,
    ...customers.complaints,
    ...(await auditMoney(db, blobs)),
    ...(await auditUsage(db)),
    ...(await auditReceipts(db, customers.orders, parts.pricePer1000)),
    ...(await auditStreams(db, blobs, customers.orders)),
    ...(await auditPieces(db, customers.orders)),
    ...(await auditMessages(db, receiver.messages)),
    ...files.violations,
  ]
  const messages = receiver.messages.length
  const books = { ...(await countBooks(db)), messages, blobs: files.stored, orphans: files.orphans }
  // Last, and only where nothing is to be looked into: it leaves nothing to look at.
  if (violations.length === 0) violations.push(...(await auditExpiry(db, blobs)))
  return { violations, books }
}

/** A server of the run's own is stopped when the run is over. */
const isPostgresOf = (database: VictimDatabase, command: string): boolean =>
  database.name !== 'embedded' && command.includes('postgres')

function hurry(db: Database): AsyncDisposable {
  const over = new AbortController()
  const statements = [
    sql`update jobs set lease_until = now() - interval '1 minute' where state = 'running'`,
    sql`update jobs set run_at = now() where state = 'queued' and run_at > now()`,
    sql`update webhook_deliveries set due_at = now() where state = 'pending' and lease_token is null and due_at > now()`,
  ]
  const run = async () => {
    await statements[0]?.execute(db)
    while (!over.signal.aborted) {
      for (const statement of statements.slice(1)) await statement.execute(db)
      await sleep(HURRY_EVERY_MS, undefined, { signal: over.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    [Symbol.asyncDispose]: async () => {
      over.abort()
      await running
    },
  }
}

/** Returns what is open all the same when the time is over. */
async function waitUntilAtRest(db: Database): Promise<readonly string[]> {
  const until = performance.now() + AT_REST_TIMEOUT_MS
  for (;;) {
    const { rows } = await sql<{ what: string }>`
      select 'job ' || id || ' (' || state || ')' as what from jobs where state in ('queued', 'running')
      union all select 'event of job ' || job_id from job_events
      union all select 'message of job ' || job_id from webhook_deliveries where state = 'pending'
    `.execute(db)
    if (rows.length === 0 || performance.now() > until) return rows.map(({ what }) => what)
    await sleep(250)
  }
}

/**
 * The whole of usage_days is what the rows of the jobs say; money-audit.ts has looked at the money in it. The pieces of streams that broke are
 * swept away after ten minutes; how long they were is not known from then on.
 */
async function auditUsage(db: Database): Promise<string[]> {
  const { rows } = await sql<object>`
    select used.*, made.* from (
      select
        account_id, sum(requests)::int as requests, sum(failed)::int as failed, sum(characters)::int as characters,
        round(sum(audio_seconds)::numeric, 3) as seconds
      from usage_days group by account_id
    ) used full join (
      select
        account_id, count(*)::int as ended, count(*) filter (where state = 'failed')::int as ended_badly,
        coalesce(sum(characters) filter (where state <> 'failed'), 0)::int as spoken,
        round(coalesce(sum(coalesce(output_audio_seconds - taken_seconds, made_seconds)), 0)::numeric, 3) as heard,
        coalesce(bool_or(state <> 'completed' and charged_micro > 0 and finished_at < now() - interval '5 minutes'), false) as forgotten
      from jobs cross join lateral (
        select
          sum(samples::float8 / sample_rate) filter (where jobs.charged_micro > 0) as made_seconds,
          coalesce(sum(samples::float8 / sample_rate) filter (where jsonb_exists(request, 'derivedFrom') and engine_seconds = 0), 0)
            as taken_seconds
        from job_pieces where job_id = jobs.id
      ) as made
      where state in ('completed', 'failed') or charged_micro > 0 group by account_id
    ) made using (account_id)
    where (requests, failed, characters) is distinct from (ended, ended_badly, spoken)
      or (seconds is distinct from heard and not coalesce(forgotten, false))
  `.execute(db)
  return rows.map((row) => `usage is not what was done: ${JSON.stringify(row)}`)
}

async function countBooks(db: Database): Promise<Record<string, number>> {
  const { rows } = await sql<Record<string, number>>`
    select
      count(*)::int as jobs,
      count(*) filter (where state = 'completed')::int as completed,
      count(*) filter (where state = 'failed')::int as failed,
      count(*) filter (where state = 'cancelled')::int as cancelled,
      count(*) filter (where mode = 'async')::int as async,
      count(*) filter (where stream)::int as streams,
      count(*) filter (where stream and state <> 'completed' and charged_micro > 0)::int as "streamsPaidInPart",
      count(*) filter (where jsonb_exists(request, 'derivedFrom'))::int as "piecesChanged",
      count(*) filter (where attempts > 1)::int as "triedAgain",
      count(*) filter (where attempts > 1 and state = 'completed' and exists (select from job_pieces where job_id = jobs.id))::int
        as "wentOnWithPieces",
      (select count(*)::int from job_pieces where is_last) as pieces,
      (select count(*)::int from job_pieces where part > 0) as parts,
      (select count(*)::int from ledger where kind = 'charge') as charges
    from jobs
  `.execute(db)
  return rows[0] ?? {}
}
