// Accounts and their credits, changed by whoever runs the server.
import {
  type Account,
  type AccountChanges,
  createAccount as addAccount,
  findAccount,
  updateAccount,
} from '../billing/accounts.ts'
import { findGrant, grantCredits } from '../billing/ledger.ts'
import { formatCredits } from '../billing/prices.ts'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { type AuditAction, change, type Operator } from './audit-log.ts'

export interface NewAccount {
  readonly name: string
  readonly creditsMicro: number
  readonly retention?: 'normal' | 'none' | undefined
  readonly resultTtlHours?: number | null | undefined
}

/** Throws AppError `invalid_parameter` when the name is taken. */
export function createAccount(operator: Operator, account: NewAccount): Promise<Account> {
  return change(operator, async (db) => {
    const id = await addAccount(db, account)
    await updateAccount(db, id, { retention: account.retention, resultTtlHours: account.resultTtlHours })
    const made = await requireAccount(db, id)
    return {
      result: made,
      entry: {
        action: 'account.create',
        targetKind: 'account',
        targetId: id,
        accountId: id,
        after: { ...settingsOf(made), balance_micro: made.balanceMicro },
      },
    }
  })
}

/** A change to what is so already is none, and leaves no entry. Throws AppError `not_found`, or `invalid_parameter` for a taken name. */
export function changeAccount(operator: Operator, accountId: string, changes: AccountChanges): Promise<Account> {
  return change(operator, async (db) => {
    const before = settingsOf(await requireAccount(db, accountId))
    await updateAccount(db, accountId, changes)
    const result = await requireAccount(db, accountId)
    const after = settingsOf(result)
    if (JSON.stringify(before) === JSON.stringify(after)) return { result, entry: undefined }
    return {
      result,
      entry: {
        action: actionOf(before.suspended_at, after.suspended_at),
        targetKind: 'account',
        targetId: accountId,
        accountId,
        before,
        after,
      },
    }
  })
}

/**
 * Adds credits, or takes them where `amountMicro` is negative. `note` says why, in the ledger and in the audit log.
 * With an idempotency key, a change that was made under it before is not made again, and leaves no second entry.
 * Throws AppError `not_found`; `insufficient_credits` when less is left than is to be taken; `idempotency_conflict` when the key came with
 * another change.
 */
export function changeCredits(
  operator: Operator,
  accountId: string,
  amountMicro: number,
  note: string,
  idempotencyKey?: string,
): Promise<Account> {
  return change(operator, async (db) => {
    const account = await requireAccount(db, accountId)
    const { balanceMicro, heldMicro } = account
    if (idempotencyKey !== undefined && (await isMade(db, accountId, { amountMicro, note, idempotencyKey })))
      return { result: account, entry: undefined }
    if (balanceMicro - heldMicro + amountMicro < 0) {
      const [available, wanted] = [balanceMicro - heldMicro, -amountMicro].map(formatCredits)
      const message = `The account has ${available} credits that no open request holds; ${wanted} cannot be taken.`
      throw new AppError('insufficient_credits', message)
    }
    await grantCredits(db, accountId, amountMicro, note, idempotencyKey)
    const result = await requireAccount(db, accountId)
    return {
      result,
      entry: {
        action: 'credits.grant',
        targetKind: 'account',
        targetId: accountId,
        accountId,
        note,
        before: { balance_micro: balanceMicro },
        after: { balance_micro: result.balanceMicro },
      },
    }
  })
}

async function isMade(
  db: Database,
  accountId: string,
  { amountMicro, note, idempotencyKey }: { amountMicro: number; note: string; idempotencyKey: string },
): Promise<boolean> {
  const grant = await findGrant(db, accountId, idempotencyKey)
  if (!grant) return false
  if (grant.amountMicro === amountMicro && grant.note === note) return true
  const message = 'This Idempotency-Key was used with another change of credits. Use a new key for a new one.'
  throw new AppError('idempotency_conflict', message, { param: 'Idempotency-Key' })
}

/** Locked until the transaction ends. */
export async function requireAccount(db: Database, accountId: string): Promise<Account> {
  const account = await findAccount(db, accountId, { lock: true })
  if (!account) throw new AppError('not_found', 'There is no such account.')
  return account
}

const settingsOf = ({ name, suspendedAt, retention, resultTtlHours }: Account) => ({
  name,
  suspended_at: suspendedAt,
  retention,
  result_ttl_hours: resultTtlHours,
})

function actionOf(suspendedBefore: Date | null, suspendedAfter: Date | null): AuditAction {
  if ((suspendedBefore === null) === (suspendedAfter === null)) return 'account.update'
  return suspendedAfter === null ? 'account.resume' : 'account.suspend'
}
