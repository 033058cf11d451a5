// The database for commands that need it: the running server's, or started for the moment of the command.
import { type Config, readConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { type DatabaseKind, startDatabase } from '../storage/database.ts'
import type { Database } from '../storage/postgres.ts'

/** Runs `use` with an open, migrated database and closes it whatever happens. */
export async function withDatabase<T>(
  use: (db: Database, kind: DatabaseKind) => Promise<T>,
  config: Config = readConfig(),
): Promise<T> {
  const log = createLog({ ...config, LOG_LEVEL: 'error' })
  const place = { databaseUrl: config.DATABASE_URL, dataDir: config.DATA_DIR }
  await using database = await startDatabase(place, log, { poolSize: 2 })
  return await use(database.db, database.kind)
}
