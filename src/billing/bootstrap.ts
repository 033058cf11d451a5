// The account and the key that a fresh database gets, so that the first start ends with something to call.
import { sql } from 'kysely'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { hashApiKey, makeApiKey, prefixOfApiKey } from './api-keys.ts'

export const BOOTSTRAP_ACCOUNT_NAME = 'default'

export interface Bootstrapped {
  readonly accountId: string
  /** The key that this very call has made, to be shown once. */
  readonly madeKey: string | undefined
}

/**
 * Makes the account `default` with its credits unless it exists, and a key: `key` if one is given (added to the account at a later start as
 * well, never revived once revoked), otherwise a new one together with the account.
 * Any number of servers may do this at once: one of them makes the account, and only that one returns a key.
 */
export async function bootstrapAccount(
  db: Database,
  options: { readonly creditsMicro: number; readonly key: string | undefined },
): Promise<Bootstrapped> {
  const key = options.key ?? makeApiKey()
  const keyId = newId()
  const accountId = newId()
  const statement = sql<{ accountId: string; isMine: boolean }>`
    with made as (
      insert into accounts (id, name, balance_micro) values (${accountId}, ${BOOTSTRAP_ACCOUNT_NAME}, ${options.creditsMicro})
      on conflict (name) do nothing
      returning id
    ), granted as (
      insert into ledger (account_id, kind, amount_micro, note)
      select id, 'grant', ${options.creditsMicro}::bigint, 'first start' from made where ${options.creditsMicro}::bigint > 0
    ), account as (
      select id from made
      union all
      select id from accounts where name = ${BOOTSTRAP_ACCOUNT_NAME}
    ), added as (
      insert into api_keys (id, account_id, name, prefix, key_sha256)
      select ${keyId}, id, 'first start', ${prefixOfApiKey(key)}, ${hashApiKey(key)} from account
      where ${options.key !== undefined} or exists (select from made)
      on conflict (key_sha256) do nothing
      returning id
    )
    select id as "accountId", exists (select from added) or exists (select from api_keys where id = ${keyId}) as "isMine"
    from account
  `
  // No row: another server has made the account since the statement began. The next attempt sees it.
  for (;;) {
    const { rows } = await retryTransient(() => statement.execute(db))
    if (!rows[0]) continue
    const { accountId, isMine } = rows[0]
    return { accountId, madeKey: isMine && options.key === undefined ? key : undefined }
  }
}
