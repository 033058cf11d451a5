// `chatterbox keys`: make, list and revoke API keys, with or without a running server.
import { Command, InvalidArgumentError } from 'commander'
import { createApiKey, listApiKeys, revokeApiKey } from '../../billing/api-keys.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { formatTable } from '../table.ts'
import { UsageError } from '../usage-error.ts'

const perMinute = (value: string): number => {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 0)
    throw new InvalidArgumentError('It must be a whole number, 0 for no limit.')
  return number
}

export const keysCommand = (): Command =>
  new Command('keys')
    .description('Make, list and revoke API keys.')
    .addCommand(
      new Command('create')
        .description('Make a key. It is shown once: only its hash is kept.')
        .argument('[name]', 'what it is for', 'unnamed')
        .option('--rpm <number>', 'requests per minute, instead of RATE_LIMIT_RPM', perMinute)
        .option('--account <id>', 'account it belongs to, where there are several')
        .action((name: string, options: { rpm?: number; account?: string }) =>
          withDatabase(async (db) => {
            const accountId = await findAccount(db, options.account)
            const { id, key } = await createApiKey(db, { accountId, name, rateLimitRpm: options.rpm })
            console.error(`Key ${id} for account ${accountId}. It is not shown again:`)
            console.log(key)
          }),
        ),
    )
    .addCommand(
      new Command('list').description('List the keys, the revoked ones too.').action(() =>
        withDatabase(async (db) => {
          const keys = await listApiKeys(db)
          const rows = keys.map((key) => [
            key.id,
            `${key.prefix}…`,
            key.name,
            key.rateLimitRpm === null ? 'default' : String(key.rateLimitRpm),
            day(key.createdAt),
            key.lastUsedAt ? day(key.lastUsedAt) : 'never',
            key.revokedAt ? `revoked ${day(key.revokedAt)}` : 'active',
          ])
          console.log(formatTable(['ID', 'KEY', 'NAME', 'RPM', 'CREATED', 'LAST USED', 'STATE'], rows))
        }),
      ),
    )
    .addCommand(
      new Command('revoke')
        .description('Revoke a key: the next request with it is refused.')
        .argument('<id>', 'its id, or the beginning of the key that `list` shows')
        .action((id: string) =>
          withDatabase(async (db) => {
            const revoked = await revokeApiKey(db, id)
            if (!revoked) throw new UsageError(`There is no active key ${id}. \`chatterbox keys list\` shows them.`)
            console.log(`Revoked ${id}.`)
          }),
        ),
    )

const day = (date: Date): string => date.toISOString().slice(0, 10)
