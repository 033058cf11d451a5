// The schema: made once by however many processes start at once, and holding what it promises.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { migrate } from '../../src/storage/migrate.ts'
import { openDatabase } from '../../src/storage/postgres.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db, connection } = await openTestDatabase()

test('several processes may migrate the same database at once', async () => {
  const pools = Array.from({ length: 4 }, () => openDatabase(connection, { poolSize: 2 }))
  try {
    await sql`drop schema public cascade`.execute(db)
    await sql`create schema public`.execute(db)
    await Promise.all(pools.map(migrate))
    assert.deepEqual(await db.selectFrom('accounts').selectAll().execute(), [])
  } finally {
    await Promise.all(pools.map((pool) => pool.destroy()))
  }
})

test('a database of a newer version is refused', async () => {
  await sql`insert into schema_migrations (name, timestamp) values ('999999-from-the-future', '')`.execute(db)
  await assert.rejects(migrate(db), /newer version/)
  await sql`delete from schema_migrations where name = '999999-from-the-future'`.execute(db)
})

test('a migration that comes later than one with a higher number is made all the same', async () => {
  await sql`drop table voices`.execute(db)
  await sql`delete from schema_migrations where name = '000005-voices'`.execute(db)
  await migrate(db)
  assert.deepEqual(await db.selectFrom('voices').selectAll().execute(), [])
})

test('eight-byte integers are read as numbers', async () => {
  const { rows } = await sql<{ big: number }>`select 9007199254740991::bigint as big`.execute(db)
  assert.equal(rows[0]?.big, Number.MAX_SAFE_INTEGER)
})
