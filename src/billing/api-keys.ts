// API keys. Owns the table api_keys, which knows a key only by its SHA-256: the key itself is shown once, when it is made.
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { AppError } from '../errors.ts'
import { isId, newId } from '../storage/ids.ts'
import { followPages, type Page, type Place, readOldestFirst } from '../storage/pages.ts'
import type { Database } from '../storage/postgres.ts'
import { retryTransient } from '../storage/transient.ts'
import { violatedConstraint } from '../storage/violations.ts'

export interface NewApiKey {
  readonly accountId: string
  readonly name: string
  /** A key from elsewhere to accept as it is; without it one is made. */
  readonly key?: string | undefined
  /** Requests per minute; 0 is no limit, absent the server's setting. */
  readonly rateLimitRpm?: number | undefined
  /** Open requests at the same time; absent, the server's setting. */
  readonly maxConcurrent?: number | undefined
}

export interface ApiKeyLimits {
  /** Requests per minute; 0 is no limit, null the server's setting. */
  readonly rateLimitRpm?: number | null | undefined
  /** Open requests at the same time; null: the server's setting. */
  readonly maxConcurrent?: number | null | undefined
}

export interface ApiKey {
  readonly id: string
  readonly accountId: string
  readonly name: string
  /** The first characters of the key, to tell it from others. */
  readonly prefix: string
  readonly rateLimitRpm: number | null
  readonly maxConcurrent: number | null
  readonly createdAt: Date
  /** To the minute. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

export interface AuthenticatedCaller {
  readonly accountId: string
  readonly apiKeyId: string
  /** The key's own limit; undefined: the server's setting. */
  readonly rateLimitRpm: number | undefined
}

/** A new key: 128 random bits behind a prefix by which leaked keys can be searched for. */
export const makeApiKey = (): string => `cb_${newId()}`

// A plain hash will do: a made key has 128 random bits, there is nothing to guess. It keeps a look-up one indexed read.
export const hashApiKey = (key: string): Buffer => createHash('sha256').update(key).digest()

/** Never more than a quarter of the key: an imported one may be short. */
export const prefixOfApiKey = (key: string): string => key.slice(0, Math.min(8, Math.floor(key.length / 4)))

/** Adds a key to an account; the returned `key` is not kept. Throws AppError `invalid_parameter` for a key that exists already. */
export async function createApiKey(db: Database, apiKey: NewApiKey): Promise<{ id: string; key: string }> {
  const id = newId()
  const key = apiKey.key ?? makeApiKey()
  if (key === '') throw new AppError('invalid_parameter', 'An API key cannot be empty.', { param: 'key' })
  const row = {
    id,
    account_id: apiKey.accountId,
    name: apiKey.name,
    prefix: prefixOfApiKey(key),
    key_sha256: hashApiKey(key),
    rate_limit_rpm: apiKey.rateLimitRpm ?? null,
    max_concurrent: apiKey.maxConcurrent ?? null,
  }
  try {
    await db.insertInto('api_keys').values(row).execute()
  } catch (error) {
    const constraint = violatedConstraint(error)
    if (constraint === 'api_keys_key_sha256_key') {
      throw new AppError('invalid_parameter', 'This API key exists already.', { param: 'key', cause: error })
    }
    if (constraint === 'api_keys_account_id_fkey') {
      throw new AppError('invalid_parameter', 'There is no such account.', { param: 'account', cause: error })
    }
    throw error
  }
  return { id, key }
}

/**
 * Whose key this is; undefined for an unknown or revoked one. Notes the use, at most once a minute.
 * Throws AppError `forbidden` when its account is suspended.
 */
export async function authenticate(db: Database, key: string): Promise<AuthenticatedCaller | undefined> {
  const statement = sql<AuthenticatedCaller & { rateLimitRpm: number | null; isSuspended: boolean }>`
    with key as (
      select api_keys.id, account_id, rate_limit_rpm, last_used_at, suspended_at is not null as is_suspended
      from api_keys join accounts on accounts.id = account_id
      where key_sha256 = ${hashApiKey(key)} and revoked_at is null
    ), used as (
      update api_keys set last_used_at = now() from key
      where api_keys.id = key.id and (key.last_used_at is null or key.last_used_at < now() - interval '1 minute')
    )
    select account_id as "accountId", id as "apiKeyId", rate_limit_rpm as "rateLimitRpm", is_suspended as "isSuspended" from key
  `
  const row = (await retryTransient(() => statement.execute(db))).rows[0]
  if (row === undefined) return undefined
  const { isSuspended, accountId, apiKeyId, rateLimitRpm } = row
  if (isSuspended) {
    throw new AppError('forbidden', 'The account of this key is suspended. Ask whoever runs the server.')
  }
  return { accountId, apiKeyId, rateLimitRpm: rateLimitRpm ?? undefined }
}

export interface ApiKeyPage {
  readonly rows: readonly ApiKey[]
  /** Where the next page begins; undefined: this was the last. */
  readonly next: Place | undefined
}

/** All keys, or those of one account, revoked ones included, oldest first. */
export const listApiKeys = (db: Database, accountId?: string): Promise<ApiKey[]> =>
  followPages((page) => pageApiKeys(db, accountId, page))

/** The same, page by page. */
export function pageApiKeys(db: Database, accountId: string | undefined, page: Page): Promise<ApiKeyPage> {
  const keys = selectApiKeys(db).$if(accountId !== undefined, (query) =>
    query.where('account_id', '=', accountId ?? ''),
  )
  return readOldestFirst(keys, page)
}

/** undefined: there is none. `lock` keeps it as it is until the end of the transaction. */
export async function findApiKey(
  db: Database,
  id: string,
  options: { readonly lock?: boolean } = {},
): Promise<ApiKey | undefined> {
  if (!isId(id)) return undefined
  return selectApiKeys(db)
    .where('id', '=', id)
    .$if(options.lock === true, (query) => query.forUpdate())
    .executeTakeFirst()
}

/** What is undefined stays as it is. */
export async function limitApiKey(db: Database, id: string, limits: ApiKeyLimits): Promise<void> {
  const { rateLimitRpm, maxConcurrent } = limits
  const row = {
    ...(rateLimitRpm === undefined ? {} : { rate_limit_rpm: rateLimitRpm }),
    ...(maxConcurrent === undefined ? {} : { max_concurrent: maxConcurrent }),
  }
  if (Object.keys(row).length > 0) await db.updateTable('api_keys').set(row).where('id', '=', id).execute()
}

const selectApiKeys = (db: Database) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'account_id as accountId', 'name', 'prefix', 'rate_limit_rpm as rateLimitRpm'])
    .select(['max_concurrent as maxConcurrent', 'created_at as createdAt', 'last_used_at as lastUsedAt'])
    .select('revoked_at as revokedAt')

/**
 * Revokes the key with this id, or the only one with this prefix; it is refused from the next request on. Returns its id; undefined when
 * there is no such key in force. Throws AppError `invalid_parameter` when several have the prefix.
 */
export async function revokeApiKey(db: Database, idOrPrefix: string): Promise<string | undefined> {
  const matching = await db
    .selectFrom('api_keys')
    .select('id')
    .where((where) => where.or([where('id', '=', idOrPrefix), where('prefix', '=', idOrPrefix)]))
    .where('revoked_at', 'is', null)
    .execute()
  if (matching.length > 1) {
    throw new AppError('invalid_parameter', `Several keys begin with ${idOrPrefix}. Name the one by its id.`, {
      param: 'key',
    })
  }
  const id = matching[0]?.id
  if (id === undefined) return undefined
  await db.updateTable('api_keys').set({ revoked_at: sql`now()` }).where('id', '=', id).execute()
  return id
}
