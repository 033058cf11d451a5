// API keys: made or imported, known by their hash, revoked at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { authenticate, createApiKey, listApiKeys, revokeApiKey } from '../../src/billing/api-keys.ts'
import { AppError } from '../../src/errors.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const isInvalidParameter = (error: unknown) => error instanceof AppError && error.code === 'invalid_parameter'

test('a made key is cb_ and 32 hex digits, opens its account, and is stored nowhere', async () => {
  const { accountId, apiKeyId, key } = await makeAccount(db)
  assert.match(key, /^cb_[0-9a-f]{32}$/)
  assert.deepEqual(await authenticate(db, key), { accountId, apiKeyId, rateLimitRpm: undefined })
  const { rows } = await sql<{ row: string }>`select to_jsonb(api_keys)::text as row from api_keys`.execute(db)
  for (const { row } of rows) assert.ok(!row.includes(key))
  const [listed] = await listApiKeys(db, accountId)
  assert.equal(listed?.prefix, key.slice(0, 8))
})

test('any string can be imported as a key, and only that very string opens', async () => {
  const { accountId } = await makeAccount(db)
  for (const key of ['SG_0123456789abcdef', 'x', 'schlüssel 語 🙂', "' or 1=1 --"]) {
    const { id } = await createApiKey(db, { accountId, name: 'imported', key, rateLimitRpm: 7 })
    assert.deepEqual(await authenticate(db, key), { accountId, apiKeyId: id, rateLimitRpm: 7 })
    for (const other of [`${key} `, key.slice(1), `${key}\0`]) assert.equal(await authenticate(db, other), undefined)
  }
  await assert.rejects(createApiKey(db, { accountId, name: 'again', key: 'x' }), isInvalidParameter)
  await assert.rejects(createApiKey(db, { accountId, name: 'empty', key: '' }), isInvalidParameter)
  await assert.rejects(createApiKey(db, { accountId: newId(), name: 'nobody' }), isInvalidParameter)
})

test('no more than a quarter of an imported key is shown', async () => {
  const { accountId } = await makeAccount(db)
  await createApiKey(db, { accountId, name: 'short', key: 'secret-9' })
  assert.equal((await listApiKeys(db, accountId)).at(-1)?.prefix, 'se')
})

test('a revoked key is refused from then on', async () => {
  const { accountId, apiKeyId, key } = await makeAccount(db)
  assert.equal(await revokeApiKey(db, apiKeyId), apiKeyId)
  assert.equal(await authenticate(db, key), undefined)
  assert.equal(await revokeApiKey(db, apiKeyId), undefined)
  assert.ok((await listApiKeys(db, accountId))[0]?.revokedAt instanceof Date)
})

test('a key can be revoked by its prefix, unless several have it', async () => {
  const { accountId } = await makeAccount(db)
  const keys = [
    'same-prefix-one-xxxxxxxxxxxxxxxxxxxxx',
    'same-prefix-two-xxxxxxxxxxxxxxxxxxxxx',
    'own-prefix-xxxxxxxxxxxxxxxxxxxxxxxxxx',
  ]
  for (const key of keys) await createApiKey(db, { accountId, name: 'prefixed', key })
  await assert.rejects(revokeApiKey(db, 'same-pre'), isInvalidParameter)
  assert.match((await revokeApiKey(db, 'own-pref')) ?? '', /^[0-9a-f]{32}$/)
  assert.equal(await authenticate(db, keys[2] ?? ''), undefined)
  assert.ok(await authenticate(db, keys[0] ?? ''))
})

test('use is noted, but a busy key is not written with every request', async () => {
  const { apiKeyId, key } = await makeAccount(db)
  const readVersion = async () =>
    (
      await sql<{ version: string; used: Date | null }>`
      select ctid::text as version, last_used_at as used from api_keys where id = ${apiKeyId}`.execute(db)
    ).rows[0]
  const unused = await readVersion()
  assert.equal(unused?.used, null)
  await authenticate(db, key)
  const used = await readVersion()
  assert.ok(used?.used instanceof Date)
  await Promise.all(Array.from({ length: 10 }, () => authenticate(db, key)))
  assert.deepEqual(await readVersion(), used)
})
