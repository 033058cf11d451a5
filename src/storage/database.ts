// The database of a process: the one of DATABASE_URL, or the embedded one; at the newest schema.
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'
import { type Database, openDatabase, type PostgresConnection } from './postgres.ts'
import { isTransient, retryTransient } from './transient.ts'

export type DatabaseKind = 'embedded' | 'external'

export interface StartedDatabase extends AsyncDisposable {
  readonly db: Database
  readonly kind: DatabaseKind
  /** For sessions of their own, as listening needs one. */
  readonly connection: PostgresConnection
}

export interface DatabasePlace {
  /** A PostgreSQL to use instead of the embedded one. */
  readonly databaseUrl: string | undefined
  /** Where the embedded database lives; not used with a URL. */
  readonly dataDir: string
}

/** Starts or reaches the database and migrates it. Disposing closes the connections and ends our use of an embedded server. */
export async function startDatabase(
  place: DatabasePlace,
  log: Log,
  options: { readonly poolSize: number },
): Promise<StartedDatabase> {
  const server = await findServer(place, log)
  const db = openDatabase(server.connection, { ...options, log })
  const close = async () => {
    await db.destroy()
    await server.stop()
  }
  try {
    await migrateUnhurried(server.connection, log)
  } catch (error) {
    await close()
    throw error
  }
  return { db, kind: server.kind, connection: server.connection, [Symbol.asyncDispose]: close }
}

/**
 * A migration of a large table takes as long as it takes. One whose database goes away has not happened, and begins again when it is back;
 * one that is not there yet is waited for.
 */
async function migrateUnhurried(connection: PostgresConnection, log: Log): Promise<void> {
  const db = openDatabase(connection, { poolSize: 1, answerTimeoutMs: 0 })
  let isTold = false
  const tell = (err: unknown): never => {
    if (!isTold && isTransient(err)) log.warn({ err }, 'the database does not answer; it is waited for')
    isTold = true
    throw err
  }
  try {
    await retryTransient(() => migrate(db).catch(tell))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const { message } = error.cause as Error
    throw new Error(`The database does not answer: ${message}`, { cause: error })
  } finally {
    await db.destroy()
  }
}

interface Server {
  readonly kind: DatabaseKind
  readonly connection: PostgresConnection
  stop(): Promise<void>
}

async function findServer(place: DatabasePlace, log: Log): Promise<Server> {
  if (place.databaseUrl !== undefined) {
    return { kind: 'external', connection: { url: place.databaseUrl }, stop: async () => {} }
  }
  return { kind: 'embedded', ...(await startEmbeddedPostgres(place.dataDir, log)) }
}
