// Which account a command is about.
import { listAccounts } from '../billing/accounts.ts'
import type { Database } from '../storage/postgres.ts'
import { UsageError } from './usage-error.ts'

/** The named account (by id or name), or the only one there is. Throws UsageError where that is not clear. */
export async function findAccount(db: Database, idOrName: string | undefined): Promise<string> {
  const accounts = await listAccounts(db)
  const known = accounts.map(({ id, name }) => `${name} (${id})`).join(', ')
  const matching = idOrName === undefined ? accounts : accounts.filter(({ id, name }) => [id, name].includes(idOrName))
  const [account] = matching
  if (matching.length === 1 && account) return account.id
  if (accounts.length === 0)
    throw new UsageError('There is no account yet: `chatterbox serve` makes one at its first start.')
  throw new UsageError(
    `${idOrName === undefined ? 'Which account? Use --account' : `There is no account ${idOrName}`}: ${known}.`,
  )
}
