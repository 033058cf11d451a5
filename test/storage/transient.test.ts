// Which errors a repetition may cure, and how long it is tried.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { AppError } from '../../src/errors.ts'
import { openDatabase, openSession } from '../../src/storage/postgres.ts'
import { isTransient, retryTransient } from '../../src/storage/transient.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db, connection } = await openTestDatabase()

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  )

test('a statement whose connection was cut is repeated on another one', async () => {
  const cut = await errorOf(sql`select pg_terminate_backend(pg_backend_pid())`.execute(db))
  assert.ok(isTransient(cut))
  let attempts = 0
  const answer = await retryTransient(async () => {
    attempts++
    if (attempts < 3) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(db)
    return 'answered'
  })
  assert.equal(answer, 'answered')
  assert.equal(attempts, 3)
})

test('a connection that breaks while it is used does not end the process', async () => {
  const [held, killer] = await Promise.all([openSession(connection), openSession(connection)])
  const [row] = await held.query<{ pid: number }>('select pg_backend_pid() as pid')
  const running = errorOf(held.query('select pg_sleep(600)'))
  await killer.query('select pg_terminate_backend($1)', [row?.pid])
  assert.ok(isTransient(await running))
  await held.ended
  await killer.close()
})

test('a server that is not there is transient; a wrong statement and a broken promise are not', async () => {
  const nowhere = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' }, { poolSize: 1 })
  const noSocket = openDatabase({ socketFolder: '/nonexistent', user: 'x', database: 'x' }, { poolSize: 1 })
  assert.ok(isTransient(await errorOf(sql`select 1`.execute(nowhere))))
  assert.ok(isTransient(await errorOf(sql`select 1`.execute(noSocket))))
  await Promise.all([nowhere.destroy(), noSocket.destroy()])
  for (const wrong of [
    sql`select nonsense`,
    sql`select 1 / 0`,
    sql`insert into accounts (id, name) values ('no id', 'x')`,
  ]) {
    assert.ok(!isTransient(await errorOf(wrong.execute(db))))
  }
  assert.ok(!isTransient(Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' })))
  assert.ok(!isTransient('not even an error'))
})

test('other errors are thrown at once, as they are', async () => {
  const wrong = new Error('wrong')
  let attempts = 0
  const error = await errorOf(
    retryTransient(() => {
      attempts++
      return Promise.reject(wrong)
    }),
  )
  assert.equal(error, wrong)
  assert.equal(attempts, 1)
})

test('a database that stays away is told to the caller as unavailable', async (t: TestContext) => {
  const gone = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  let elapsedMs = 0
  t.mock.method(performance, 'now', () => elapsedMs)
  const error = await errorOf(
    retryTransient(() => {
      elapsedMs += 10_500
      return Promise.reject(gone)
    }),
  )
  assert.ok(error instanceof AppError && error.code === 'unavailable' && error.cause === gone)
  assert.ok((error.retryAfterSeconds ?? 0) > 0)
})
