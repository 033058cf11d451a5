// API keys of any account, changed by whoever runs the server.
import {
  type ApiKey,
  type ApiKeyLimits,
  createApiKey as addApiKey,
  findApiKey,
  limitApiKey,
  type NewApiKey,
  revokeApiKey as revoke,
} from '../billing/api-keys.ts'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { requireAccount } from './accounts.ts'
import { change, type Operator } from './audit-log.ts'

/** `key` is in the answer alone. Throws AppError `not_found` for an account that is none. */
export function createApiKey(
  operator: Operator,
  newKey: NewApiKey,
): Promise<{ readonly apiKey: ApiKey; readonly key: string }> {
  return change(operator, async (db) => {
    await requireAccount(db, newKey.accountId)
    const { id, key } = await addApiKey(db, newKey)
    const apiKey = await requireApiKey(db, id)
    const { accountId, name } = apiKey
    return {
      result: { apiKey, key },
      entry: { action: 'key.create', targetKind: 'key', targetId: id, accountId, after: { name, ...limitsOf(apiKey) } },
    }
  })
}

/** Throws AppError `not_found`. */
export function changeApiKeyLimits(operator: Operator, id: string, limits: ApiKeyLimits): Promise<ApiKey> {
  return change(operator, async (db) => {
    const before = await requireApiKey(db, id)
    await limitApiKey(db, id, limits)
    const result = await requireApiKey(db, id)
    const [from, to] = [limitsOf(before), limitsOf(result)]
    const { accountId } = result
    const isSame = JSON.stringify(from) === JSON.stringify(to)
    return {
      result,
      entry: isSame
        ? undefined
        : { action: 'key.limit', targetKind: 'key', targetId: id, accountId, before: from, after: to },
    }
  })
}

/**
 * By its id, or by the beginning of the key that lists show, where only one key in force has it. One that is revoked already stays as it is.
 * Throws AppError `not_found`; `invalid_parameter` when several keys begin so.
 */
export function revokeApiKey(operator: Operator, idOrPrefix: string): Promise<ApiKey> {
  return change(operator, async (db) => {
    const id = await revoke(db, idOrPrefix)
    const result = await requireApiKey(db, id ?? idOrPrefix)
    const { accountId, revokedAt } = result
    return {
      result,
      entry:
        id === undefined
          ? undefined
          : {
              action: 'key.revoke',
              targetKind: 'key',
              targetId: id,
              accountId,
              before: { revoked_at: null },
              after: { revoked_at: revokedAt },
            },
    }
  })
}

async function requireApiKey(db: Database, id: string): Promise<ApiKey> {
  const apiKey = await findApiKey(db, id, { lock: true })
  if (!apiKey) throw new AppError('not_found', 'There is no such API key.')
  return apiKey
}

const limitsOf = ({ rateLimitRpm, maxConcurrent }: ApiKey) => ({
  rate_limit_rpm: rateLimitRpm,
  max_concurrent: maxConcurrent,
})
