// A database that is gone without a word, as behind a firewall that has forgotten the connection: nothing waits for it for ever.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase, type PostgresConnection } from '../../src/storage/postgres.ts'
import { isTransient } from '../../src/storage/transient.ts'
import { openTestDatabase } from '../harness/database.ts'

const { connection } = await openTestDatabase()

/** A way to the database that can fall silent: connections stay, and nothing passes. */
async function startWay() {
  const sockets = new Set<Socket>()
  let opened = 0
  const server = createServer((near) => {
    opened++
    const far =
      'url' in connection
        ? connect(Number(new URL(connection.url).port || 5432), new URL(connection.url).hostname)
        : connect(path.join(connection.socketFolder, '.s.PGSQL.5432'))
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    near.pipe(far)
    far.pipe(near)
    near.on('close', () => far.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const own =
    'url' in connection ? new URL(connection.url) : new URL(`postgres://${connection.user}@x/${connection.database}`)
  own.hostname = '127.0.0.1'
  own.port = String(port)
  return {
    connection: { url: own.href } satisfies PostgresConnection,
    opened: () => opened,
    /** For the connections there are. */
    fallSilent: () => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a statement that gets no answer fails as one that can be repeated, on another connection', async () => {
  const way = await startWay()
  const db = openDatabase(way.connection, { poolSize: 1, answerTimeoutMs: 2000 })
  try {
    const ask = async () => (await sql<{ one: number }>`select 1 as one`.execute(db)).rows[0]?.one
    assert.equal(await ask(), 1)
    assert.equal(await ask(), 1)
    assert.equal(way.opened(), 1)
    way.fallSilent()
    await assert.rejects(ask(), isTransient)
    assert.equal(await ask(), 1)
    assert.equal(way.opened(), 2)
  } finally {
    await db.destroy()
    await way.close()
  }
})
