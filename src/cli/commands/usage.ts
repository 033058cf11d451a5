// `chatterbox usage`: requests, characters, seconds and cost, in sums.
import { Command, InvalidArgumentError, Option } from 'commander'
import { reportUsage } from '../../admin/usage-report.ts'
import { type UsageReport, usageQuerySchema } from '../../contract/usage.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { jsonOption, printJson } from '../operator.ts'
import { formatTable } from '../table.ts'

interface UsageOptions {
  readonly from?: string
  readonly to?: string
  readonly by: UsageReport['group_by']
  readonly account?: string
  readonly json?: boolean
}

const dayArgument = (value: string): string => {
  const { error } = usageQuerySchema.shape.from.safeParse(value)
  if (error) throw new InvalidArgumentError('It must be a day such as 2026-11-22.')
  return value
}

export const usageCommand = (): Command =>
  new Command('usage')
    .description('Show what was used and paid, by day, account, key or model.')
    .option('--from <day>', 'first day, UTC (default: 29 days before the last)', dayArgument)
    .option('--to <day>', 'last day, UTC (default: today)', dayArgument)
    .addOption(
      new Option('--by <group>', 'what the rows stand for').choices(['day', 'account', 'key', 'model']).default('day'),
    )
    .option('--account <account>', 'only the account with this name or id')
    .addOption(jsonOption())
    .action(({ from, to, by, account, json }: UsageOptions) =>
      withDatabase(async (db) => {
        const accountId = account === undefined ? undefined : await findAccount(db, account)
        const report = await reportUsage(db, { accountId, from, to, groupBy: by })
        if (json) return printJson(report)
        if (report.usage.length === 0) return console.log(`Nothing was used from ${report.from} to ${report.to}.`)
        const headings = [by.toUpperCase(), 'REQUESTS', 'FAILED', 'CHARACTERS', 'AUDIO SECONDS', 'COST']
        const rows = [
          ...report.usage.map((row) => cells(row.name === undefined ? row.group : `${row.name} (${row.group})`, row)),
          cells('total', report.total),
        ]
        console.log(formatTable(headings, rows, { right: headings.slice(1) }))
      }),
    )

const cells = (group: string, row: UsageReport['total']): string[] => [
  group,
  ...[row.requests, row.failed, row.characters].map((count) => count.toLocaleString('en-US')),
  row.audio_seconds.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  row.cost.toLocaleString('en-US', { minimumFractionDigits: 4, maximumFractionDigits: 4 }),
]
