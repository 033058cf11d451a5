// Brings a database to the schema of migrations/: each file once, in the order of their names, all in one transaction.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Migration, Migrator, sql } from 'kysely'
import { packageRoot } from '../config.ts'
import type { Database } from './postgres.ts'
import { isTransient } from './transient.ts'

const MIGRATIONS_FOLDER = path.join(packageRoot, 'migrations')

/**
 * Safe to call from several processes at once: Kysely's migrator takes an advisory lock, and the late ones find nothing to do.
 * Throws when the database has migrations that this version does not know, and what `isTransient` knows as it is: nothing has happened then.
 */
export async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: readMigrations },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
    // Files are numbered when they are begun and land when they are done: a lower number may come to a database after a higher one.
    allowUnorderedMigrations: true,
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error === undefined) return
  if (isTransient(error)) throw error
  const failed = results?.find((result) => result.status === 'Error')
  throw failed
    ? new Error(`Migration ${failed.migrationName} failed`, { cause: error })
    : new Error('The database could not be migrated. Was it made by a newer version?', { cause: error })
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const files = (await readdir(MIGRATIONS_FOLDER)).filter((file) => file.endsWith('.sql'))
  const migrations = files.map(async (file) => {
    const text = await readFile(path.join(MIGRATIONS_FOLDER, file), 'utf8')
    return [
      path.basename(file, '.sql'),
      {
        up: (db) =>
          sql
            .raw(text)
            .execute(db)
            .then(() => {}),
      },
    ] as [string, Migration]
  })
  return Object.fromEntries(await Promise.all(migrations))
}
