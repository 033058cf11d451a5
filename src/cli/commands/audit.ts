// `chatterbox audit`: every change that an operator has made, here or over the API.
import { Command } from 'commander'
import { type AuditEntry, listAudit } from '../../admin/audit-log.ts'
import { describeAuditEntry } from '../../admin/describe.ts'
import { listAccounts } from '../../billing/accounts.ts'
import { formatCredits } from '../../billing/prices.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { jsonOption, lineOfText, minute, printJson, wholeNumber } from '../operator.ts'
import { formatTable } from '../table.ts'

interface AuditOptions {
  readonly account?: string
  readonly target?: string
  readonly limit: number
  readonly json?: boolean
}

export const auditCommand = (): Command =>
  new Command('audit')
    .description('Show the changes that operators have made, the newest first.')
    .option('--account <account>', 'only those of the account with this name or id')
    .option('--target <id>', 'only those of this account, key or request', lineOfText(100))
    .option('--limit <number>', 'at most so many', wholeNumber(1), 50)
    .addOption(jsonOption())
    .action(({ account, target, limit, json }: AuditOptions) =>
      withDatabase(async (db) => {
        const accountId = account === undefined ? undefined : await findAccount(db, account)
        const { entries, next } = await listAudit(db, { accountId, targetId: target }, { limit })
        if (json)
          return printJson({ entries: entries.map(describeAuditEntry), next: next === undefined ? null : String(next) })
        if (entries.length === 0) return console.log('No changes yet.')
        const names = new Map((await listAccounts(db)).map(({ id, name }) => [id, name]))
        const rows = entries.map((entry) => [
          minute(entry.at),
          entry.actor,
          entry.action,
          names.get(entry.accountId) ?? entry.accountId,
          entry.targetKind === 'account' ? '' : `${entry.targetKind} ${entry.targetId}`,
          [changesOf(entry), ...(entry.note === null ? [] : [`“${entry.note}”`])].join(' '),
        ])
        console.log(formatTable(['AT', 'WHO', 'WHAT', 'ACCOUNT', 'TARGET', 'CHANGE'], rows))
        if (next !== undefined) console.log('\nThere are more: use --limit.')
      }),
    )

/** `suspended_at: null → 2026-…`; of something new, what it is. */
function changesOf({ before, after }: AuditEntry): string {
  const from = before as Record<string, unknown> | null
  return Object.entries(after)
    .filter(([name, value]) => (from === null ? value !== null : JSON.stringify(from[name]) !== JSON.stringify(value)))
    .map(([name, value]) =>
      from === null
        ? `${wordOf(name)}: ${show(name, value)}`
        : `${wordOf(name)}: ${show(name, from[name])} → ${show(name, value)}`,
    )
    .join(', ')
}

const wordOf = (name: string): string => (name === 'balance_micro' ? 'credits' : name)

function show(name: string, value: unknown): string {
  if (name === 'balance_micro' && typeof value === 'number') return formatCredits(value)
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
