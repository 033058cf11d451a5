// The embedded database: starts anywhere, survives being killed, is shared, and leaves nothing behind.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { openDatabase, openSession } from '../../src/storage/postgres.ts'
import { retryTransient } from '../../src/storage/transient.ts'
import { killDatabase, readPostmasterPid } from '../harness/kill-database.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

async function makeDataDir(t: TestContext): Promise<string> {
  const folder = await makeTemporaryFolder()
  t.after(() => rm(folder, { recursive: true }))
  return path.join(folder, 'data')
}

async function read<T>(postgres: EmbeddedPostgres, statement: string): Promise<T[]> {
  const session = await openSession(postgres.connection)
  return session.query<T>(statement).finally(() => session.close())
}

const socketFolder = (postgres: EmbeddedPostgres): string =>
  'socketFolder' in postgres.connection ? postgres.connection.socketFolder : ''

test('what was written is there after a stop and a start; a stopped server leaves no process and no socket', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await startEmbeddedPostgres(dataDir, quietLog)
  await read(first, 'create table kept as select 42 as answer')
  assert.deepEqual(await read(first, 'show fsync'), [{ fsync: 'on' }])
  await first.stop()
  assert.equal(readPostmasterPid(dataDir), 0)
  await assert.rejects(stat(socketFolder(first)), { code: 'ENOENT' })
  const second = await startEmbeddedPostgres(dataDir, quietLog)
  assert.deepEqual(await read(second, 'select answer from kept'), [{ answer: 42 }])
  await second.stop()
})

for (const [what, options] of [
  ['the whole database', {}],
  ['its server process', { serverOnly: true }],
] as const) {
  test(`kill -9 of ${what} heals by itself, and no committed row is lost`, async (t) => {
    const dataDir = await makeDataDir(t)
    const postgres = await startEmbeddedPostgres(dataDir, quietLog)
    const db = openDatabase(postgres.connection, { poolSize: 2 })
    await sql`create table kept (n integer primary key)`.execute(db)
    for (let n = 0; n < 3; n++) {
      await retryTransient(() => sql`insert into kept values (${n}) on conflict do nothing`.execute(db))
      const before = readPostmasterPid(dataDir)
      assert.ok(killDatabase(dataDir, options))
      while (readPostmasterPid(dataDir) === before) await sleep(5)
      const { rows } = await retryTransient(() => sql`select n from kept`.execute(db))
      assert.equal(rows.length, n + 1)
    }
    await db.destroy()
    await postgres.stop()
  })
}

test('a server whose process was killed while it ran is adopted by the next one', async (t) => {
  const dataDir = await makeDataDir(t)
  const other = await startOther(dataDir)
  const pid = readPostmasterPid(dataDir)
  other.kill('SIGKILL')
  await once(other, 'exit')
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  assert.equal(readPostmasterPid(dataDir), pid)
  await postgres.stop()
  assert.equal(readPostmasterPid(dataDir), 0)
})

test('two processes share one server, and the last one to stop stops it', async (t) => {
  const dataDir = await makeDataDir(t)
  const [other, postgres] = await Promise.all([startOther(dataDir), startEmbeddedPostgres(dataDir, quietLog)])
  const pid = readPostmasterPid(dataDir)
  other.send('stop')
  await once(other, 'exit')
  assert.equal(readPostmasterPid(dataDir), pid)
  assert.equal((await read(postgres, 'select 1')).length, 1)
  const another = await startOther(dataDir)
  await postgres.stop()
  assert.equal(readPostmasterPid(dataDir), pid)
  another.send('stop')
  await once(another, 'exit')
  assert.equal(readPostmasterPid(dataDir), 0)
})

test('a server that starts while the last one stops gets a database', async (t) => {
  const dataDir = await makeDataDir(t)
  let running = await startEmbeddedPostgres(dataDir, quietLog)
  for (let i = 0; i < 10; i++) {
    const [, next] = await Promise.all([running.stop(), startEmbeddedPostgres(dataDir, quietLog)])
    running = next
    assert.equal((await retryTransient(() => read(running, 'select 1'))).length, 1)
  }
  await running.stop()
  assert.equal(readPostmasterPid(dataDir), 0)
})

test('a process killed while it makes the database does no harm', async (t) => {
  const dataDir = await makeDataDir(t)
  const other = fork(otherProgram, [dataDir], { stdio: 'ignore' })
  const folder = path.join(dataDir, 'postgres')
  const isMaking = async () => (await readdir(folder).catch(() => [])).some((name) => name.startsWith('data.'))
  while (!(await isMaking())) await sleep(1)
  other.kill('SIGKILL')
  await once(other, 'exit')
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  assert.equal((await read(postgres, 'select 1')).length, 1)
  await postgres.stop()
})

test('the folder may be deeper than a socket path can be long', async (t) => {
  const dataDir = path.join(
    await makeDataDir(t),
    ...Array.from({ length: 10 }, () => 'a-rather-long-name-for-a-folder'),
  )
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  assert.equal((await read(postgres, 'select 1')).length, 1)
  await postgres.stop()
})

const otherProgram = path.join(import.meta.dirname, '../harness/embedded-postgres-process.js')

async function startOther(dataDir: string): Promise<ChildProcess> {
  const other = fork(otherProgram, [dataDir])
  await once(other, 'message')
  return other
}
