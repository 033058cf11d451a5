// A second user of the embedded database of a server in another process.
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { openDatabase } from '../../src/storage/postgres.ts'
import { quietLog } from './quiet-log.ts'

/** Leaving, it stops the database only if it is the last one. */
export async function joinDatabase(dataDir: string) {
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  const db = openDatabase(postgres.connection, { poolSize: 2 })
  const close = async () => {
    await db.destroy()
    await postgres.stop()
  }
  return { db, [Symbol.asyncDispose]: close }
}
