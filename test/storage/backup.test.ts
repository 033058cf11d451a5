// A backup taken under load is whole: what was committed before it is there, what came later may be, and the money adds up.
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { grantCredits } from '../../src/billing/ledger.ts'
import { startDatabase } from '../../src/storage/database.ts'
import { backUpDataDir } from '../../src/storage/embedded/backup.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { makeAccount } from '../harness/accounts.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))
const [dataDir, copy] = [path.join(folder, 'data'), path.join(folder, 'copy')]
const open = (from: string) => startDatabase({ databaseUrl: undefined, dataDir: from }, quietLog, { poolSize: 4 })

async function findMoney(db: Database): Promise<{ balance: number; ledger: number }> {
  const { rows } = await sql<{ balance: number; ledger: number }>`
    select sum(balance_micro)::bigint as balance, (select sum(amount_micro) from ledger)::bigint as ledger from accounts
  `.execute(db)
  assert.ok(rows[0])
  return rows[0]
}

test('a copy of a running database, taken while money moves, starts with every balance equal to its ledger', async () => {
  const database = await open(dataDir)
  const { db } = database
  const { accountId } = await makeAccount(db)
  await mkdir(path.join(dataDir, 'blobs/outputs'), { recursive: true })
  await writeFile(path.join(dataDir, 'blobs/outputs/one'), 'sound')
  const before = await findMoney(db)
  let done = false
  const load = (async () => {
    while (!done) await grantCredits(db, accountId, 1, 'meanwhile')
  })()
  const { files, bytes } = await backUpDataDir(dataDir, copy, true, quietLog)
  done = true
  await load
  const afterwards = await findMoney(db)
  const slots = await sql`select from pg_replication_slots`.execute(db)
  await database[Symbol.asyncDispose]()
  assert.ok(files > 500 && bytes > 10_000_000, `${files} files, ${bytes} bytes`)
  assert.equal(slots.rows.length, 0, 'nothing is kept back for it')

  const restored = await open(copy)
  const money = await findMoney(restored.db)
  await grantCredits(restored.db, accountId, 5, 'it can be written to')
  await restored[Symbol.asyncDispose]()
  assert.equal(money.balance, money.ledger)
  assert.ok(afterwards.balance > before.balance, 'money moved')
  const range = `${before.balance} ≤ ${money.balance} ≤ ${afterwards.balance}`
  assert.ok(money.balance >= before.balance && money.balance <= afterwards.balance, range)
  assert.deepEqual(await readdir(path.join(copy, 'blobs/outputs')), ['one'])
})

test('a folder that holds something is refused', async () => {
  await assert.rejects(backUpDataDir(dataDir, copy, true, quietLog), /not empty/)
})
