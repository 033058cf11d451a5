// The database of a process, by URL or embedded.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
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
  await assert.rejects(startDatabase(place, quietLog, { poolSize: 1 }), /The database does not answer: .*ECONNREFUSED/)
})

/** The test's server behind a port; `meet` sees both ends of every connection. */
async function openDetour(meet: (client: Socket, server: Socket) => void) {
  const reach = () =>
    'url' in connection
      ? connect(Number(new URL(connection.url).port || 5432), new URL(connection.url).hostname)
      : connect(path.join(connection.socketFolder, '.s.PGSQL.5432'))
  const detour = createServer((client) => {
    const server = reach()
    for (const end of [client, server]) end.on('error', () => {})
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
    client.pipe(server).pipe(client)
    meet(client, server)
  }).listen(0, '127.0.0.1')
  await once(detour, 'listening')
  const url = new URL(
    'url' in connection ? connection.url : `postgres://${connection.user}@127.0.0.1/${connection.database}`,
  )
  url.host = `127.0.0.1:${(detour.address() as AddressInfo).port}`
  return { url: url.href, close: () => detour.close() }
}

test('a database that goes away while it is migrated is migrated when it is back', async (t) => {
  let met = 0
  const detour = await openDetour((client, server) => {
    if (++met > 1) return
    let answers = 0
    server.on('data', () => {
      if (++answers === 5) client.destroy() // after the greeting, among the first statements
    })
  })
  t.after(() => detour.close())
  const place = { databaseUrl: detour.url, dataDir: '/nonexistent' }
  const database = await startDatabase(place, quietLog, { poolSize: 1 })
  assert.ok(met > 1, 'the connection was not cut')
  await listAccounts(database.db)
  await database[Symbol.asyncDispose]()
})
