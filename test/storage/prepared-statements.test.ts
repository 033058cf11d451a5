// Statements that PostgreSQL keeps prepared, and what happens when it does not.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { type Database, openDatabase, type PostgresConnection } from '../../src/storage/postgres.ts'
import { isTransient, retryTransient } from '../../src/storage/transient.ts'
import { collectLog } from '../harness/collected-log.ts'
import { openTestDatabase } from '../harness/database.ts'
import { freePort } from '../harness/ports.ts'
import { findProgram, skipWithout } from '../harness/programs.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db: other, connection } = await openTestDatabase()

/** A pool of one connection, and what it has told its log. */
function openOne(t: TestContext) {
  const { log, lines } = collectLog('warn')
  const db = openDatabase(connection, { poolSize: 1, log })
  t.after(() => db.destroy())
  return { db, lines }
}

const double = async (db: Database, value: number) =>
  (await sql<{ double: number }>`select ${value}::int * 2 as double`.execute(db)).rows[0]?.double

const prepared = async (db: Database) =>
  (await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db)).rows.length

test('a statement with values is prepared once, one without is not', async (t) => {
  const { db, lines } = openOne(t)
  for (const value of [1, 2, 3]) assert.equal(await double(db, value), 2 * value)
  assert.equal(await prepared(db), 1)
  assert.equal(await sql`select ${1}::int as one`.execute(db).then(() => prepared(db)), 2)
  assert.deepEqual(lines, [])
})

test('texts without end do not fill the memory of the server', async (t) => {
  const { db } = openOne(t)
  for (let n = 0; n < 600; n++) await sql`select ${n}::int as ${sql.ref(`n${n}`)}`.execute(db)
  assert.equal(await prepared(db), 500)
})

test('where prepared statements are forgotten, none is made any more, and no statement is lost', async (t) => {
  const { db, lines } = openOne(t)
  assert.equal(await double(db, 1), 2)
  await sql`deallocate all`.execute(db)
  assert.equal(await double(db, 2), 4)
  assert.equal(await double(db, 3), 6)
  assert.equal(await prepared(db), 0)
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['a pooler forgets prepared statements; going on without'],
  )
})

test('a statement that is forgotten within a transaction fails as one that can be repeated', async (t) => {
  const { db, lines } = openOne(t)
  assert.equal(await double(db, 1), 2)
  await sql`deallocate all`.execute(db)
  const errors: unknown[] = []
  const answer = await retryTransient(() =>
    db.transaction().execute((transaction) =>
      double(transaction as Database, 2).catch((error) => {
        errors.push(error)
        throw error
      }),
    ),
  )
  assert.equal(answer, 4)
  assert.equal(errors.length, 1)
  assert.ok(isTransient(errors[0]))
  assert.equal(lines.length, 1)
})

test('a statement whose table has a new column is prepared anew', async (t) => {
  const { db, lines } = openOne(t)
  await sql`create table things (id int)`.execute(other)
  t.after(() => sql`drop table things`.execute(other))
  const read = async (id: number) => (await sql`select * from things where id = ${id}`.execute(db)).rows
  await sql`insert into things values (1)`.execute(other)
  assert.deepEqual(await read(1), [{ id: 1 }])
  await sql`alter table things add column name text default 'one'`.execute(other)
  assert.deepEqual(await read(1), [{ id: 1, name: 'one' }])
  assert.deepEqual(await read(1), [{ id: 1, name: 'one' }])
  assert.equal(await prepared(db), 1)
  assert.deepEqual(lines, [])
})

test('what fails for a reason of its own fails with that reason', async (t) => {
  const { db } = openOne(t)
  const divide = (by: number) => sql`select 1 / ${by}::int as quotient`.execute(db)
  await divide(1)
  await assert.rejects(divide(0), { code: '22012' })
  await sql`deallocate all`.execute(db)
  await assert.rejects(divide(0), { code: '22012' })
})

/** Hands out one of two sessions of the test's database for each transaction. */
async function startPgbouncer(t: TestContext): Promise<PostgresConnection> {
  const folder = await makeTemporaryFolder()
  const port = await freePort()
  const server =
    'url' in connection
      ? `host=${new URL(connection.url).hostname} port=${new URL(connection.url).port || 5432} user=${new URL(connection.url).username}`
      : `host=${connection.socketFolder} port=5432 user=${connection.user}`
  const lines = [
    '[databases]',
    `* = ${server}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 2',
  ]
  const file = path.join(folder, 'pgbouncer.ini')
  await writeFile(file, lines.join('\n'), { mode: 0o644 })
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const pgbouncer = spawn(findProgram('pgbouncer') ?? '', [...asUser, file], { stdio: 'ignore' })
  const ended = once(pgbouncer, 'exit')
  t.after(async () => {
    pgbouncer.kill('SIGINT')
    await ended
    await rm(folder, { recursive: true })
  })
  return { url: `postgres://somebody@127.0.0.1:${port}/${databaseName(connection)}` }
}

const databaseName = (place: PostgresConnection): string =>
  'url' in place ? new URL(place.url).pathname.slice(1) : place.database

test('PgBouncer in transaction mode', { skip: skipWithout('pgbouncer', 'Debian: pgbouncer') }, async (t) => {
  const { log, lines } = collectLog('warn')
  const db = openDatabase(await startPgbouncer(t), { poolSize: 8, log })
  t.after(() => db.destroy())
  await retryTransient(() => double(db, 0)) // until it listens
  const shapes = [1, 2, 3, 4, 5, 6]
  const ask = async (n: number, on: Database) => {
    const times = shapes[n % shapes.length] ?? 1
    const statement = sql<{ product: number }>`select ${n}::int * ${sql.raw(String(times))} as product`
    assert.equal((await statement.execute(on)).rows[0]?.product, n * times)
  }
  await Promise.all(
    Array.from({ length: 400 }, (_, n) =>
      n % 3 === 0
        ? retryTransient(() => db.transaction().execute((transaction) => ask(n, transaction as Database)))
        : ask(n, db),
    ),
  )
  assert.ok(lines.length <= 1, 'it is told once; an old one forgets, from 1.21 on they may remember')
})
