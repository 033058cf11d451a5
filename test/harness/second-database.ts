// The PostgreSQL that the database tests run on a second time: the one of TEST_DATABASE_URL, or one that answers on this machine.
import os from 'node:os'
import { openSession, type PostgresConnection } from '../../src/storage/postgres.ts'

/**
 * What another version of PostgreSQL could read differently is in these rooms: those of src/ that write SQL, and the query that deploy/ has
 * KEDA ask. Everything else reaches the database through them.
 */
export const ROOMS_WITH_SQL = ['admin', 'billing', 'deploy', 'jobs', 'storage', 'webhooks'] as const

export type SecondDatabase =
  | { readonly kind: 'found'; readonly connection: PostgresConnection; readonly version: string }
  | { readonly kind: 'none'; readonly reason: string }

/** Throws when TEST_DATABASE_URL is set and does not answer: whoever sets it wants these tests. */
export async function findSecondDatabase(): Promise<SecondDatabase> {
  const url = process.env.TEST_DATABASE_URL
  if (url) return { kind: 'found', connection: { url }, version: (await look({ url })).version }
  const users = [os.userInfo().username, 'postgres']
  const places = users.flatMap((user): PostgresConnection[] => [
    { url: `postgres://${user}@127.0.0.1:5432/postgres` },
    { socketFolder: '/var/run/postgresql', user, database: 'postgres' },
    { socketFolder: '/tmp', user, database: 'postgres' },
  ])
  const refusals: string[] = []
  for (const connection of places) {
    try {
      const { version, mayCreate } = await look(connection)
      if (mayCreate) return { kind: 'found', connection, version }
      refusals.push('its user may not create databases')
    } catch (error) {
      refusals.push(error instanceof Error ? error.message : String(error))
    }
  }
  const reasons = [...new Set(refusals)].join('; ')
  return { kind: 'none', reason: `TEST_DATABASE_URL is not set and no local PostgreSQL can be used (${reasons})` }
}

async function look(connection: PostgresConnection): Promise<{ version: string; mayCreate: boolean }> {
  const session = await openSession(connection)
  try {
    const [row] = await session.query<{ version: string; may_create: boolean }>(
      `select current_setting('server_version') as version, rolcreatedb or rolsuper as may_create
       from pg_roles where rolname = current_user`,
    )
    return { version: row?.version ?? 'unknown', mayCreate: row?.may_create ?? false }
  } finally {
    await session.close()
  }
}
