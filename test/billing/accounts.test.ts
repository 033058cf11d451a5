// Accounts, grants and the ledger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createAccount, findBalance, listAccounts } from '../../src/billing/accounts.ts'
import { grantCredits } from '../../src/billing/ledger.ts'
import { AppError } from '../../src/errors.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeJob } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'

const { db } = await openTestDatabase()
const hasCode = (code: string) => (error: unknown) => error instanceof AppError && error.code === code

test('grants add up, and the ledger says where they came from', async () => {
  const accountId = await createAccount(db, { name: 'studio', creditsMicro: 10_000_000 })
  assert.deepEqual(await grantCredits(db, accountId, 2_500_000, 'thank you'), { balanceMicro: 12_500_000 })
  assert.deepEqual(await grantCredits(db, accountId, -500_000, 'mistake'), { balanceMicro: 12_000_000 })
  const entries = await db
    .selectFrom('ledger')
    .select(['kind', 'amount_micro', 'note'])
    .where('account_id', '=', accountId)
    .execute()
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.amount_micro, entry.note]),
    [
      ['grant', 10_000_000, 'first credits'],
      ['grant', 2_500_000, 'thank you'],
      ['grant', -500_000, 'mistake'],
    ],
  )
  const listed = (await listAccounts(db)).find((account) => account.id === accountId)
  assert.equal(listed?.balanceMicro, 12_000_000)
})

test('what is not there, or is held, cannot be taken back', async () => {
  const account = await makeAccount(db, 10_000)
  await startJob(db, makeJob(account, { holdMicro: 6400 }))
  await assert.rejects(grantCredits(db, account.accountId, -3601, 'too much'), hasCode('insufficient_credits'))
  await assert.rejects(grantCredits(db, account.accountId, -10_001, 'far too much'), hasCode('insufficient_credits'))
  await grantCredits(db, account.accountId, -3600, 'just enough')
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 6400, heldMicro: 6400 })
})

test('an account that does not exist has no balance and gets no credits', async () => {
  assert.equal(await findBalance(db, newId()), undefined)
  await assert.rejects(grantCredits(db, newId(), 1, 'nobody'), hasCode('credits_not_found'))
})

test('a name is used once', async () => {
  await createAccount(db, { name: 'twice', creditsMicro: 0 })
  await assert.rejects(createAccount(db, { name: 'twice', creditsMicro: 5 }), hasCode('invalid_parameter'))
})

test('the ledger cannot be changed, not even by its owner', async () => {
  await makeAccount(db, 1)
  for (const change of [sql`update ledger set amount_micro = 2`, sql`delete from ledger`, sql`truncate ledger`]) {
    await assert.rejects(change.execute(db), /append-only/)
  }
})
