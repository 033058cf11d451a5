// Accounts and their balance. Owns the table accounts.
import { sql } from 'kysely'
import { AppError, invariant } from '../errors.ts'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { violatedConstraint } from '../storage/violations.ts'

export interface Balance {
  /** Sum of the ledger. It drops once per request, when the request is charged. */
  readonly balanceMicro: number
  /** Part of the balance that open requests may still cost. */
  readonly heldMicro: number
}

export interface Account extends Balance {
  readonly id: string
  readonly name: string
  readonly createdAt: Date
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
    if (violatedConstraint(error) !== 'accounts_name_key') throw error
    throw new AppError('invalid_parameter', `There is already an account named ${name}.`, {
      param: 'name',
      cause: error,
    })
  }
  return id
}

export async function listAccounts(db: Database): Promise<Account[]> {
  return db
    .selectFrom('accounts')
    .select(['id', 'name', 'balance_micro as balanceMicro', 'held_micro as heldMicro', 'created_at as createdAt'])
    .orderBy('created_at')
    .execute()
}

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
