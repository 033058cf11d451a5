// The database of a process, by URL or embedded.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { listAccounts } from '../../src/billing/accounts.ts'
import { bootstrapAccount } from '../../src/billing/bootstrap.ts'
import { type DatabasePlace, startDatabase } from '../../src/storage/database.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { connection } = await openTestDatabase()

/** The form that DATABASE_URL has for the test's server. */
function urlOf(): string {
  if ('url' in connection) return connection.url
  return `postgres://${connection.user}@/${connection.database}?host=${encodeURIComponent(connection.socketFolder)}`
}

async function isUsable(place: DatabasePlace): Promise<void> {
  for (let start = 0; start < 2; start++) {
    const database = await startDatabase(place, quietLog, { poolSize: 2 })
    await bootstrapAccount(database.db, { creditsMicro: 5, key: 'key' })
    assert.deepEqual(
      (await listAccounts(database.db)).map(({ balanceMicro }) => balanceMicro),
      [5],
    )
    await database[Symbol.asyncDispose]()
  }
}

test('a database is reached by its URL', () => isUsable({ databaseUrl: urlOf(), dataDir: '/nonexistent' }))

test('without a URL one is started in the data folder', async (t) => {
  const folder = await makeTemporaryFolder()
  t.after(() => rm(folder, { recursive: true }))
  await isUsable({ databaseUrl: undefined, dataDir: path.join(folder, 'data') })
})

test('a URL where nothing answers is an error at the start', async () => {
  const place = { databaseUrl: 'postgres://nobody@127.0.0.1:1/none', dataDir: '/nonexistent' }
  await assert.rejects(startDatabase(place, quietLog, { poolSize: 1 }))
})
