// What was asked for and paid, by day, key, model or account: sums over usage_days, which the statements that end jobs keep.
import { sql } from 'kysely'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'

export type UsageGroup = 'day' | 'key' | 'model' | 'account'

export interface Usage {
  /** Requests that have ended; one that was cancelled counts only when a part of it was paid. */
  readonly requests: number
  /** Of these. */
  readonly failed: number
  /** Of those that did not fail. */
  readonly characters: number
  /** Of those that did not fail. Pieces that were taken over from another request count there alone. */
  readonly audioSeconds: number
  readonly costMicro: number
}

export interface UsageRow extends Usage {
  /** The day (`2026-11-22`), the id of the key or account, or the model. */
  readonly group: string
}

export interface UsageQuestion {
  /** undefined: all accounts together. */
  readonly accountId?: string | undefined
  /** First and last day, `2026-11-22`, in UTC. */
  readonly from: string
  readonly to: string
  readonly groupBy: UsageGroup
}

const GROUPS = {
  day: sql`to_char(day, 'YYYY-MM-DD')`,
  key: sql`api_key_id`,
  model: sql`model`,
  account: sql`account_id`,
} as const

/** Days in their order; keys, models and accounts by cost, the dearest first. Days and keys without requests have no row. */
export async function findUsage(db: Database, question: UsageQuestion): Promise<UsageRow[]> {
  const { accountId, from, to, groupBy } = question
  const statement = sql<UsageRow>`
    select
      ${GROUPS[groupBy]} as "group",
      sum(requests)::bigint as requests,
      sum(failed)::bigint as failed,
      sum(characters)::bigint as characters,
      sum(audio_seconds) as "audioSeconds",
      sum(cost_micro)::bigint as "costMicro"
    from usage_days
    where day between ${from}::date and ${to}::date
      and ${accountId === undefined ? sql`true` : sql`account_id = ${accountId}`}
    group by 1
    order by ${groupBy === 'day' ? sql`1` : sql`"costMicro" desc, requests desc, 1`}
  `
  return (await retryTransient(() => statement.execute(db))).rows
}

export function totalUsage(rows: readonly Usage[]): Usage {
  const sum = (of: (row: Usage) => number) => rows.reduce((total, row) => total + of(row), 0)
  return {
    requests: sum((row) => row.requests),
    failed: sum((row) => row.failed),
    characters: sum((row) => row.characters),
    audioSeconds: sum((row) => row.audioSeconds),
    costMicro: sum((row) => row.costMicro),
  }
}
