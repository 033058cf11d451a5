// The first start: one account, its credits once, one key – however many servers start, and however often.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance, listAccounts } from '../../src/billing/accounts.ts'
import { authenticate, listApiKeys, revokeApiKey } from '../../src/billing/api-keys.ts'
import { bootstrapAccount } from '../../src/billing/bootstrap.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db } = await openTestDatabase()
const creditsMicro = 10_000_000

beforeEach(async () => {
  await sql`alter table ledger disable trigger user`.execute(db)
  await sql`truncate accounts cascade`.execute(db)
  await sql`alter table ledger enable trigger user`.execute(db)
})

test('ten servers that start at once make one account with its credits, and one of them has a key to show', async () => {
  const all = await Promise.all(
    Array.from({ length: 10 }, () => bootstrapAccount(db, { creditsMicro, key: undefined })),
  )
  const accounts = await listAccounts(db)
  assert.deepEqual(
    accounts.map(({ name }) => name),
    ['default'],
  )
  assert.equal(new Set(all.map(({ accountId }) => accountId)).size, 1)
  assert.deepEqual(await findBalance(db, accounts[0]?.id ?? ''), { balanceMicro: creditsMicro, heldMicro: 0 })
  const made = all.flatMap(({ madeKey }) => madeKey ?? [])
  assert.equal(made.length, 1)
  assert.equal((await authenticate(db, made[0] ?? ''))?.accountId, accounts[0]?.id)
  assert.equal((await listApiKeys(db)).length, 1)
})

test('the next start makes nothing and shows nothing', async () => {
  await bootstrapAccount(db, { creditsMicro, key: undefined })
  const again = await bootstrapAccount(db, { creditsMicro, key: undefined })
  assert.equal(again.madeKey, undefined)
  assert.equal((await listApiKeys(db)).length, 1)
  assert.equal((await findBalance(db, again.accountId))?.balanceMicro, creditsMicro)
})

test('a given key exists after the start, and is not shown', async () => {
  const all = await Promise.all(Array.from({ length: 5 }, () => bootstrapAccount(db, { creditsMicro, key: 'my-key' })))
  assert.deepEqual(
    all.flatMap(({ madeKey }) => madeKey ?? []),
    [],
  )
  assert.equal((await authenticate(db, 'my-key'))?.accountId, all[0]?.accountId)
  assert.equal((await listApiKeys(db)).length, 1)
})

test('a key given at a later start is added; one that was revoked stays so', async () => {
  const { accountId, madeKey } = await bootstrapAccount(db, { creditsMicro, key: undefined })
  await bootstrapAccount(db, { creditsMicro, key: 'later' })
  const added = await authenticate(db, 'later')
  assert.equal(added?.accountId, accountId)
  assert.ok(await authenticate(db, madeKey ?? ''))
  await revokeApiKey(db, added?.apiKeyId ?? '')
  await bootstrapAccount(db, { creditsMicro, key: 'later' })
  assert.equal(await authenticate(db, 'later'), undefined)
  assert.equal((await findBalance(db, accountId))?.balanceMicro, creditsMicro)
})

test('no credits are a start as well', async () => {
  const { accountId } = await bootstrapAccount(db, { creditsMicro: 0, key: undefined })
  assert.deepEqual(await findBalance(db, accountId), { balanceMicro: 0, heldMicro: 0 })
})
