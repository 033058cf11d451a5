// Every change that whoever runs the server makes: who, what, to what, from what to what. Owns the table audit_log, which only grows.
import { sql } from 'kysely'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { isTransient } from '../storage/transient.ts'

/** Who makes a change, and where. */
export interface Operator {
  readonly db: Database
  /** `api:ADDRESS` or `cli:USER@HOST`. */
  readonly actor: string
}

export type AuditAction =
  | 'account.create'
  | 'account.update'
  | 'account.suspend'
  | 'account.resume'
  | 'key.create'
  | 'key.limit'
  | 'key.revoke'
  | 'credits.grant'
  | 'job.cancel'
  | 'job.requeue'

export interface NewAuditEntry {
  readonly action: AuditAction
  readonly targetKind: 'account' | 'key' | 'job'
  readonly targetId: string
  readonly accountId: string
  readonly note?: string | undefined
  /** What the change has changed, as names and values; undefined: there was nothing before. */
  readonly before?: object | undefined
  readonly after: object
}

export interface AuditEntry {
  readonly id: number
  readonly at: Date
  readonly actor: string
  readonly action: string
  readonly targetKind: string
  readonly targetId: string
  readonly accountId: string
  readonly note: string | null
  readonly before: object | null
  readonly after: object
}

/**
 * Makes a change and its entry in one transaction. Not repeated when the connection breaks: whether it has happened is not known then, and
 * the audit log tells. Throws AppError `unavailable` in that case, and whatever `make` throws, which undoes the change.
 */
export async function change<T>(
  { db, actor }: Operator,
  make: (transaction: Database) => Promise<{ readonly result: T; readonly entry: NewAuditEntry | undefined }>,
): Promise<T> {
  try {
    return await db.transaction().execute(async (transaction) => {
      const { result, entry } = await make(transaction)
      if (entry) await addEntry(transaction, actor, entry)
      return result
    })
  } catch (error) {
    if (!isTransient(error)) throw error
    const message = 'The database went away. Whether this has happened stands in the audit log.'
    throw new AppError('unavailable', message, { retryAfterSeconds: 5, cause: error })
  }
}

async function addEntry(db: Database, actor: string, entry: NewAuditEntry): Promise<void> {
  await db
    .insertInto('audit_log')
    .values({
      actor,
      action: entry.action,
      target_kind: entry.targetKind,
      target_id: entry.targetId,
      account_id: entry.accountId,
      note: entry.note ?? null,
      before: entry.before === undefined ? null : JSON.stringify(entry.before),
      after: JSON.stringify(entry.after),
    })
    .execute()
}

export interface AuditFilter {
  readonly accountId?: string | undefined
  readonly targetId?: string | undefined
  readonly action?: string | undefined
}

/** The newest first; `olderThan` is the id of the last entry of the page before. */
export async function listAudit(
  db: Database,
  { accountId, targetId, action }: AuditFilter,
  page: { readonly limit: number; readonly olderThan?: number | undefined },
): Promise<{ readonly entries: readonly AuditEntry[]; readonly next: number | undefined }> {
  const { olderThan } = page
  const conditions = [
    ...(accountId === undefined ? [] : [sql`account_id = ${accountId}`]),
    ...(targetId === undefined ? [] : [sql`target_id = ${targetId}`]),
    ...(action === undefined ? [] : [sql`action = ${action}`]),
    ...(olderThan === undefined ? [] : [sql`id < ${olderThan}`]),
  ]
  const { rows } = await sql<AuditEntry>`
    select id, at, actor, action, target_kind as "targetKind", target_id as "targetId", account_id as "accountId", note, before, after
    from audit_log
    where ${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)}
    order by id desc
    limit ${page.limit + 1}
  `.execute(db)
  const entries = rows.slice(0, page.limit)
  return { entries, next: rows.length > page.limit ? entries.at(-1)?.id : undefined }
}
