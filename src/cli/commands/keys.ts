// `chatterbox keys`: make, list, limit and revoke API keys, with or without a running server.
import { Command } from 'commander'
import { changeApiKeyLimits, createApiKey, revokeApiKey } from '../../admin/api-keys.ts'
import { describeApiKey } from '../../admin/describe.ts'
import { type ApiKey, type ApiKeyLimits, listApiKeys } from '../../billing/api-keys.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import {
  day,
  jsonOption,
  lineOfText,
  nullForDefault,
  operatorAt,
  printJson,
  wholeNumber,
  wholeNumberOrDefault,
} from '../operator.ts'
import { formatTable } from '../table.ts'
import { UsageError } from '../usage-error.ts'

interface Options {
  readonly account?: string
  readonly json?: boolean
}

export const keysCommand = (): Command =>
  new Command('keys')
    .description('Make, list, limit and revoke API keys.')
    .addCommand(
      new Command('create')
        .description('Make a key. It is shown once: only its hash is kept.')
        .argument('[name]', 'what it is for', lineOfText(100), 'unnamed')
        .option('--rpm <number>', 'requests per minute, instead of RATE_LIMIT_RPM; 0: no limit', wholeNumber(0))
        .option('--max-concurrent <number>', 'open requests at the same time', wholeNumber(1))
        .option('--account <id>', 'account it belongs to, where there are several')
        .addOption(jsonOption())
        .action((name: string, options: Options & { rpm?: number; maxConcurrent?: number }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const { rpm: rateLimitRpm, maxConcurrent } = options
            const { apiKey, key } = await createApiKey(operatorAt(db), { accountId, name, rateLimitRpm, maxConcurrent })
            if (options.json) return printJson({ ...describeApiKey(apiKey), key })
            console.error(`Key ${apiKey.id} for account ${accountId}. It is not shown again:`)
            console.log(key)
          }),
        ),
    )
    .addCommand(
      new Command('list')
        .description('List the keys, the revoked ones too.')
        .option('--account <id>', 'only those of the account with this name or id')
        .addOption(jsonOption())
        .action((options: Options) =>
          withDatabase(async (db) => {
            const accountId = options.account === undefined ? undefined : await findAccount(db, options.account)
            const keys = await listApiKeys(db, accountId)
            if (options.json) return printJson({ keys: keys.map(describeApiKey), next: null })
            console.log(keys.length === 0 ? 'There is no key yet.' : tableOf(keys))
          }),
        ),
    )
    .addCommand(
      new Command('limit')
        .description('Change the limits of a key.')
        .argument('<id>', 'its id')
        .option(
          '--rpm <number>',
          'requests per minute; 0: no limit; `default`: RATE_LIMIT_RPM',
          wholeNumberOrDefault(0),
        )
        .option('--max-concurrent <number>', 'open requests at the same time, or `default`', wholeNumberOrDefault(1))
        .addOption(jsonOption())
        .action((id: string, options: Options & { rpm?: number | 'default'; maxConcurrent?: number | 'default' }) =>
          withDatabase(async (db) => {
            const limits: ApiKeyLimits = {
              rateLimitRpm: nullForDefault(options.rpm),
              maxConcurrent: nullForDefault(options.maxConcurrent),
            }
            if (limits.rateLimitRpm === undefined && limits.maxConcurrent === undefined)
              throw new UsageError('Nothing to change: use --rpm or --max-concurrent.')
            const apiKey = await changeApiKeyLimits(operatorAt(db), id, limits)
            if (options.json) return printJson(describeApiKey(apiKey))
            console.log(tableOf([apiKey]))
          }),
        ),
    )
    .addCommand(
      new Command('revoke')
        .description('Revoke a key: the next request with it is refused.')
        .argument('<id>', 'its id, or the beginning of the key that `list` shows')
        .addOption(jsonOption())
        .action((id: string, options: Options) =>
          withDatabase(async (db) => {
            const apiKey = await revokeApiKey(operatorAt(db), id)
            if (options.json) return printJson(describeApiKey(apiKey))
            console.log(`Revoked ${apiKey.id}.`)
          }),
        ),
    )

function tableOf(keys: readonly ApiKey[]): string {
  const limit = (value: number | null) => (value === null ? 'default' : String(value))
  const rows = keys.map((key) => [
    key.id,
    `${key.prefix}…`,
    key.name,
    key.rateLimitRpm === 0 ? 'no limit' : limit(key.rateLimitRpm),
    limit(key.maxConcurrent),
    day(key.createdAt),
    key.lastUsedAt ? day(key.lastUsedAt) : 'never',
    key.revokedAt ? `revoked ${day(key.revokedAt)}` : 'active',
  ])
  const headings = ['ID', 'KEY', 'NAME', 'RPM', 'AT ONCE', 'CREATED', 'LAST USED', 'STATE']
  return formatTable(headings, rows, { right: ['RPM', 'AT ONCE'] })
}
