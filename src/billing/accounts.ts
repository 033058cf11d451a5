// Accounts and their balance. Owns the table accounts.
import { sql } from 'kysely'
import { AppError, invariant } from '../errors.ts'
import { isId, newId } from '../storage/ids.ts'
import { followPages, type Page, type Place, readOldestFirst } from '../storage/pages.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { violatedConstraint } from '../storage/violations.ts'

export interface Balance {
  /** Sum of the ledger. It drops once per request, when the request is charged. */
  readonly balanceMicro: number
  /** Part of the balance that open requests may still cost. */
  readonly heldMicro: number
}

/** What whoever runs the server has set for an account. */
export interface AccountSettings {
  readonly name: string
  /** Since when its keys are refused. */
  readonly suspendedAt: Date | null
  /** Of requests that do not say themselves: `none` forgets text, reference and output as soon as they are not needed. */
  readonly retention: 'normal' | 'none'
  /** How long results are kept; null: the server's setting. */
  readonly resultTtlHours: number | null
}

export interface Account extends Balance, AccountSettings {
  readonly id: string
  readonly createdAt: Date
}

export interface AccountChanges {
  readonly name?: string | undefined
  readonly suspended?: boolean | undefined
  readonly retention?: 'normal' | 'none' | undefined
  readonly resultTtlHours?: number | null | undefined
}

/** Creates an account with its first credits. Throws AppError `invalid_parameter` when the name is taken. */
export async function createAccount(
  db: Database,
  account: { readonly name: string; readonly creditsMicro: number },
): Promise<string> {
  const { name, creditsMicro } = account
  invariant(Number.isSafeInteger(creditsMicro) && creditsMicro >= 0, `${creditsMicro} is no amount of micro-dollars`)
  const id = newId()
  try {
    await sql`
      with account as (
        insert into accounts (id, name, balance_micro) values (${id}, ${name}, ${creditsMicro})
        returning id
      )
      insert into ledger (account_id, kind, amount_micro, note)
      select id, 'grant', ${creditsMicro}::bigint, 'first credits' from account where ${creditsMicro}::bigint > 0
    `.execute(db)
  } catch (error) {
    throw isNameTaken(error) ? nameTaken(name, error) : error
  }
  return id
}

export interface AccountPage {
  readonly rows: readonly Account[]
  /** Where the next page begins; undefined: this was the last. */
  readonly next: Place | undefined
}

/** All of them, the oldest first. */
export const listAccounts = (db: Database): Promise<Account[]> => followPages((page) => pageAccounts(db, page))

/** The oldest first, page by page. */
export const pageAccounts = (db: Database, page: Page): Promise<AccountPage> =>
  readOldestFirst(selectAccounts(db), page)

/** undefined: there is none. `lock` keeps it as it is until the end of the transaction. */
export async function findAccount(
  db: Database,
  accountId: string,
  options: { readonly lock?: boolean } = {},
): Promise<Account | undefined> {
  if (!isId(accountId)) return undefined
  return selectAccounts(db)
    .where('id', '=', accountId)
    .$if(options.lock === true, (query) => query.forUpdate())
    .executeTakeFirst()
}

/** What is undefined stays as it is. Suspending twice keeps the first date. Throws AppError `invalid_parameter` when the name is taken. */
export async function updateAccount(db: Database, accountId: string, changes: AccountChanges): Promise<void> {
  const { name, suspended, retention, resultTtlHours } = changes
  const row = {
    ...(name === undefined ? {} : { name }),
    ...(suspended === undefined
      ? {}
      : { suspended_at: suspended ? sql<Date>`coalesce(suspended_at, now())` : sql<Date | null>`null` }),
    ...(retention === undefined ? {} : { retention }),
    ...(resultTtlHours === undefined ? {} : { result_ttl_hours: resultTtlHours }),
  }
  if (Object.keys(row).length === 0) return
  try {
    await db.updateTable('accounts').set(row).where('id', '=', accountId).execute()
  } catch (error) {
    throw isNameTaken(error) ? nameTaken(name ?? '', error) : error
  }
}

const selectAccounts = (db: Database) =>
  db
    .selectFrom('accounts')
    .select(['id', 'name', 'balance_micro as balanceMicro', 'held_micro as heldMicro', 'created_at as createdAt'])
    .select(['suspended_at as suspendedAt', 'retention', 'result_ttl_hours as resultTtlHours'])

const isNameTaken = (error: unknown): boolean => violatedConstraint(error) === 'accounts_name_key'
const nameTaken = (name: string, cause: unknown): AppError =>
  new AppError('invalid_parameter', `There is already an account named ${name}.`, { param: 'name', cause })

/** undefined: there is no such account. */
export async function findBalance(db: Database, accountId: string): Promise<Balance | undefined> {
  return retryTransient(() =>
    db
      .selectFrom('accounts')
      .select(['balance_micro as balanceMicro', 'held_micro as heldMicro'])
      .where('id', '=', accountId)
      .executeTakeFirst(),
  )
}
