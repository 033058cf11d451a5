// A migrated, empty database for a test file, on the server that test/run.ts has started, or – for a file run by itself – on an
// embedded one of its own. What imports this module and is of a room that writes SQL, run.ts repeats on the second database.
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { after } from 'node:test'
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { type Database, openDatabase, openSession, type PostgresConnection } from '../../src/storage/postgres.ts'
import { quietLog } from './quiet-log.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

export { quietLog }

/** How run.ts tells the test processes about its server: a PostgresConnection as JSON, to a database that may create others. */
export const SERVER_VARIABLE = 'TEST_POSTGRES_SERVER'
/** A migrated database on that server, to copy from. */
export const TEMPLATE_VARIABLE = 'TEST_POSTGRES_TEMPLATE'

export interface TestServer {
  readonly connection: PostgresConnection
  readonly template: string
  close(): Promise<void>
}

export interface TestDatabase {
  readonly db: Database
  readonly connection: PostgresConnection
}

/**
 * Call at the top of a test file: `const { db } = await openTestDatabase()`. The database is dropped after the file's last test, and a
 * connection that somebody else has left open makes the file fail.
 */
export async function openTestDatabase(): Promise<TestDatabase> {
  const server = (await findServer()) ?? (await startTestServer())
  const name = newName()
  await onServer(server.connection, `create database ${name} template ${server.template}`)
  const connection = databaseOn(server.connection, name)
  const db = openDatabase(connection, { poolSize: 10 })
  after(async () => {
    await db.destroy()
    await onServer(server.connection, `drop database ${name}`)
    await server.close()
  })
  return { db, connection }
}

/** An embedded server in a temporary folder, with a migrated template. */
export async function startTestServer(): Promise<TestServer> {
  const folder = await makeTemporaryFolder()
  const postgres = await startEmbeddedPostgres(folder, quietLog)
  const template = await createTemplate(postgres.connection)
  return {
    connection: postgres.connection,
    template,
    close: async () => {
      await postgres.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Creates a migrated database to copy from; returns its name. */
export async function createTemplate(server: PostgresConnection): Promise<string> {
  const name = newName()
  await onServer(server, `create database ${name}`)
  const db = openDatabase(databaseOn(server, name), { poolSize: 1 })
  await migrate(db).finally(() => db.destroy())
  return name
}

export async function dropDatabase(server: PostgresConnection, name: string): Promise<void> {
  await onServer(server, `drop database ${name}`)
}

async function findServer(): Promise<TestServer | undefined> {
  const { [SERVER_VARIABLE]: connection, [TEMPLATE_VARIABLE]: template } = process.env
  if (!connection || !template) return undefined
  return { connection: JSON.parse(connection) as PostgresConnection, template, close: async () => {} }
}

async function onServer(connection: PostgresConnection, statement: string): Promise<void> {
  const session = await openSession(connection)
  await session.query(statement).finally(() => session.close())
}

function databaseOn(server: PostgresConnection, name: string): PostgresConnection {
  if (!('url' in server)) return { ...server, database: name }
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return { url: url.href }
}

const newName = (): string => `chatterbox_test_${randomBytes(6).toString('hex')}`
