// Credits given to an account. Owns the table ledger, which only grows; charges are written by the room jobs, in the statement that
// completes the job.
import { sql } from 'kysely'
import { AppError, invariant } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { violatedConstraint } from '../storage/violations.ts'
import { findBalance } from './accounts.ts'
import { formatCredits } from './prices.ts'

/**
 * Adds credits, or takes them back when `amountMicro` is negative; returns the new balance. Not repeated when the connection breaks: a
 * grant without a key has nothing to recognise its repetition by.
 * Throws AppError `credits_not_found` for an unknown account, `insufficient_credits` when less is left than is to be taken.
 */
export async function grantCredits(
  db: Database,
  accountId: string,
  amountMicro: number,
  note: string,
  idempotencyKey?: string,
): Promise<{ balanceMicro: number }> {
  invariant(Number.isSafeInteger(amountMicro) && amountMicro !== 0, `${amountMicro} is no amount of micro-dollars`)
  const statement = sql<{ balanceMicro: number }>`
    with account as (
      update accounts set balance_micro = balance_micro + ${amountMicro}
      where id = ${accountId}
      returning id, balance_micro
    ), entry as (
      insert into ledger (account_id, kind, amount_micro, note, idempotency_key)
      select id, 'grant', ${amountMicro}, ${note}, ${idempotencyKey ?? null} from account
    )
    select balance_micro as "balanceMicro" from account
  `
  try {
    const { rows } = await statement.execute(db)
    if (rows[0]) return rows[0]
  } catch (error) {
    if (!isShortage(error)) throw error
    throw insufficientCredits(await findAvailable(db, accountId), -amountMicro, error)
  }
  throw new AppError('credits_not_found', 'No credits found for the user')
}

/** The grant that was made under this key. undefined: none was. */
export async function findGrant(
  db: Database,
  accountId: string,
  idempotencyKey: string,
): Promise<{ readonly amountMicro: number; readonly note: string | null } | undefined> {
  return db
    .selectFrom('ledger')
    .select(['amount_micro as amountMicro', 'note'])
    .where('account_id', '=', accountId)
    .where('idempotency_key', '=', idempotencyKey)
    .executeTakeFirst()
}

/** True when a statement was refused because it would have held or taken more than the account has. */
export function isShortage(error: unknown): boolean {
  const constraint = violatedConstraint(error)
  return constraint === 'accounts_hold_is_covered' || constraint === 'accounts_balance_micro_check'
}

/** What an account could still spend: its balance less what open requests hold. */
export async function findAvailable(db: Database, accountId: string): Promise<number> {
  const balance = await findBalance(db, accountId)
  return balance ? balance.balanceMicro - balance.heldMicro : 0
}

export function insufficientCredits(availableMicro: number, neededMicro: number, cause?: unknown): AppError {
  const message = `Insufficient credits. You have ${formatCredits(availableMicro)} credits. This request needs ${formatCredits(neededMicro)}.`
  return new AppError('insufficient_credits', message, { cause })
}
