// Usage as a report: the days asked for, rows with names, and their total.
import { listAccounts } from '../billing/accounts.ts'
import { listApiKeys } from '../billing/api-keys.ts'
import { creditsFromMicro } from '../billing/prices.ts'
import type { UsageReport } from '../contract/usage.ts'
import { AppError } from '../errors.ts'
import { findUsage, totalUsage, type Usage, type UsageGroup } from '../jobs/usage.ts'
import type { Database } from '../storage/postgres.ts'

export interface UsageWish {
  /** undefined: all accounts together. */
  readonly accountId?: string | undefined
  /** Days such as `2026-11-22`, UTC; without them the 30 days up to today. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly groupBy: UsageGroup
}

const DEFAULT_DAYS = 30
const DAY_MS = 86_400_000

/** Throws AppError `invalid_parameter` when `from` comes after `to`. */
export async function reportUsage(db: Database, wish: UsageWish): Promise<UsageReport> {
  const { accountId, groupBy } = wish
  const to = wish.to ?? dayOf(new Date())
  const from = wish.from ?? dayOf(new Date(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS))
  if (from > to) throw new AppError('invalid_parameter', `from is ${from}, which is after ${to}.`, { param: 'from' })
  const rows = await findUsage(db, { accountId, from, to, groupBy })
  const names = await findNames(db, accountId, groupBy)
  return {
    from,
    to,
    group_by: groupBy,
    usage: rows.map((row) => {
      const name = names.get(row.group)
      return { group: row.group, ...(name === undefined ? {} : { name }), ...describe(row) }
    }),
    total: describe(totalUsage(rows)),
  }
}

const dayOf = (date: Date): string => date.toISOString().slice(0, 10)

async function findNames(
  db: Database,
  accountId: string | undefined,
  groupBy: UsageGroup,
): Promise<ReadonlyMap<string, string>> {
  if (groupBy === 'key') return new Map((await listApiKeys(db, accountId)).map(({ id, name }) => [id, name]))
  if (groupBy === 'account') return new Map((await listAccounts(db)).map(({ id, name }) => [id, name]))
  return new Map()
}

const describe = ({ requests, failed, characters, audioSeconds, costMicro }: Usage) => ({
  requests,
  failed,
  characters,
  audio_seconds: Math.round(audioSeconds * 1000) / 1000,
  cost: creditsFromMicro(costMicro),
})
