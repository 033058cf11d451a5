// The only door to pg: pools for everybody, single sessions for the embedded database's keeper. Knows no tables' meaning.
import type { Socket } from 'node:net'
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import type { Log } from '../log.ts'
import { isForgotten, prepareStatements } from './prepared-statements.ts'
import type { Tables } from './tables.ts'

/** Where a PostgreSQL answers: a URL, or the folder of a unix socket (trusted by its file permissions, hence no password). */
export type PostgresConnection =
  | { readonly url: string }
  | { readonly socketFolder: string; readonly user: string; readonly database: string }

export type Database = Kysely<Tables>

const CONNECT_TIMEOUT_MS = 5000
/** Longer than any statement of a pool takes, but for a migration's. A server that is gone without a word answers nothing, ever. */
const ANSWER_TIMEOUT_MS = 60_000
const KEEP_ALIVE_AFTER_MS = 10_000
const IN_FAILED_TRANSACTION = '25P02'

export interface PoolOptions {
  readonly poolSize: number
  /** A statement that is not answered in time fails, and its connection is dropped. 0: none. */
  readonly answerTimeoutMs?: number
  /** Is told of a pooler that forgets prepared statements. */
  readonly log?: Log
}

/**
 * Opens a pool of at most `poolSize` connections, each made on first use. `db.destroy()` closes it.
 * int8 is read as a number: micro-dollars and byte counts stay far below 2^53.
 */
export function openDatabase(connection: PostgresConnection, options: PoolOptions): Database {
  const { poolSize, answerTimeoutMs = ANSWER_TIMEOUT_MS, log } = options
  const timeout = answerTimeoutMs === 0 ? {} : { query_timeout: answerTimeoutMs }
  const pool = new pg.Pool({ ...driverSettings(connection), ...timeout, max: poolSize })
  // A connection that breaks emits an error beside rejecting its query, and an error event that nobody listens to ends the process. The
  // pool listens to the connections that are idle and tells of them here; a connection in use has to have a listener of its own.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: prepareAndDrop(pool, log) }) })
}

/**
 * Statements with values are prepared under a name. One that was forgotten is sent again without it, which in a transaction comes too late.
 * A connection that owes an answer, or whose statements are outdated, is of no use to anybody else: the pool forgets it.
 */
function prepareAndDrop(pool: pg.Pool, log: Log | undefined): PostgresPool {
  const statements = prepareStatements(log)
  const connect = async (): Promise<PostgresPoolClient> => {
    const client = await pool.connect()
    let isUseless = false
    const query = async (text: string, values: unknown[]) => {
      const name = values.length > 0 ? statements.nameOf(text) : undefined
      try {
        if (name === undefined) return await client.query(text, values)
        return await client.query({ name, text, values })
      } catch (error) {
        const wasForgotten = isForgotten(error)
        isUseless ||= wasForgotten || (error instanceof Error && error.message === 'Query read timeout')
        if (name === undefined || !wasForgotten) throw error
        statements.noteForgotten(error)
        return await client.query(text, values).catch((again) => {
          throw again.code === IN_FAILED_TRANSACTION ? error : again
        })
      }
    }
    return { query, release: () => client.release(isUseless) } as unknown as PostgresPoolClient
  }
  return { connect, end: () => pool.end() }
}

/** One connection of its own, for what lives as long as a session does: advisory locks, and noticing that the server is gone. */
export interface Session {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Resolves when the connection is gone, for whatever reason. Never rejects. */
  readonly ended: Promise<void>
  close(): Promise<void>
  /** Ends it without a word to the server, which may be out of reach. */
  drop(): void
}

export interface SessionOptions {
  /** Of the channels that the session listens to. */
  readonly onNotification?: (channel: string, payload: string) => void
}

export async function openSession(connection: PostgresConnection, options: SessionOptions = {}): Promise<Session> {
  const client = new pg.Client(driverSettings(connection))
  const ended = new Promise<void>((resolve) => {
    client.once('end', () => resolve())
  })
  client.on('error', () => {}) // `end` follows
  client.on('notification', ({ channel, payload }) => options.onNotification?.(channel, payload ?? ''))
  try {
    await client.connect()
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  return {
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await client.query(text, [...values])).rows as Row[],
    ended,
    close: () => client.end(),
    drop: () => (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy(),
  }
}

function driverSettings(connection: PostgresConnection): pg.ClientConfig {
  const place =
    'url' in connection
      ? { connectionString: connection.url }
      : { host: connection.socketFolder, port: 5432, user: connection.user, database: connection.database }
  return {
    ...place,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    } as pg.CustomTypesConfig,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'chatterbox',
  }
}
