// A copy of a DATA_DIR that is whole, taken while servers go on writing to it: PostgreSQL's own online backup, then the blobs.
// The copy is itself a DATA_DIR: to restore is to start on it.
import { chown, copyFile, lstat, mkdir, open, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../../log.ts'
import { startEmbeddedPostgres } from '../embedded-postgres.ts'
import { openSession, type Session } from '../postgres.ts'

// At the top of the data folder: what belongs to the running server alone, and folders that it fills anew.
const NOT_COPIED = ['postmaster.pid', 'postmaster.opts', 'log']
const COPIED_EMPTY = [
  ...['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'],
]
const LOG_SEGMENT = /^[0-9A-F]{24}$/

export interface Backup {
  readonly files: number
  readonly bytes: number
}

/**
 * Copies the embedded database of `dataDir`, and its blobs if `withBlobs`, into the folder `target`, which must be empty or absent.
 * Starts the database for the time if nobody else has. What was committed before the call is in the copy. The database comes first: a blob
 * is stored before the row that names it, so the blobs copied afterwards are those that the rows name, or have expired meanwhile.
 * Throws when the folder is not empty or the disk is full; an unfinished copy cannot be started on.
 */
export async function backUpDataDir(dataDir: string, target: string, withBlobs: boolean, log: Log): Promise<Backup> {
  await mkdir(target, { recursive: true, mode: 0o755 })
  if ((await readdir(target)).length > 0) throw new Error(`${target} is not empty.`)
  const postgres = await startEmbeddedPostgres(dataDir, log)
  try {
    const session = await openSession(postgres.connection)
    try {
      const folders = [path.join(dataDir, 'postgres'), path.join(target, 'postgres')] as const
      const database = await copyDatabase(session, ...folders)
      const blobs = withBlobs ? await copyFolder(path.join(dataDir, 'blobs'), path.join(target, 'blobs')) : NOTHING
      return sum(database, blobs)
    } finally {
      await session.close()
    }
  } finally {
    await postgres.stop()
  }
}

/** PostgreSQL's online backup ("low-level base backup"): files in any state, and the log that makes them one state. */
async function copyDatabase(session: Session, fromFolder: string, toFolder: string): Promise<Backup> {
  const from = path.join(fromFolder, 'data')
  const unfinished = path.join(toFolder, 'data.unfinished-backup')
  await mkdir(toFolder, { mode: 0o700 })
  await own(toFolder, from)
  // Keeps the log from here on; it goes with the session.
  await session.query('select pg_create_physical_replication_slot($1, true, true)', [`backup_${process.pid}`])
  await session.query("select pg_backup_start('chatterbox', true)")
  const files = await copyFolder(from, unfinished, { leaveOut: NOT_COPIED, leaveEmpty: COPIED_EMPTY })
  const [end] = await session.query<{ label: string }>('select labelfile as label from pg_backup_stop(false)')
  const label = path.join(unfinished, 'backup_label')
  await writeDurably(label, end?.label ?? '')
  await own(label, from)
  const segments = await copyFolder(path.join(from, 'pg_wal'), path.join(unfinished, 'pg_wal'), { only: LOG_SEGMENT })
  await rename(unfinished, path.join(toFolder, 'data'))
  return sum(files, segments)
}

const NOTHING: Backup = { files: 0, bytes: 0 }
const sum = (a: Backup, b: Backup): Backup => ({ files: a.files + b.files, bytes: a.bytes + b.bytes })

/** About the entries of the folder itself, not of the folders in it. */
interface Choice {
  readonly leaveOut?: readonly string[]
  readonly leaveEmpty?: readonly string[]
  readonly only?: RegExp
}

/** What vanishes while it is copied is left out: the log, or the expiry of the result, knows why. */
async function copyFolder(from: string, to: string, choice: Choice = {}): Promise<Backup> {
  const found = await lstat(from).catch(ignoreAbsent)
  if (!found) return NOTHING
  await mkdir(to, { recursive: true, mode: found.mode & 0o777 })
  await own(to, from)
  let copied = NOTHING
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (choice.leaveOut?.includes(entry.name) || choice.only?.test(entry.name) === false) continue
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isFile()) copied = sum(copied, await copyDurably(source, target))
    else if (entry.isDirectory()) {
      const inside = choice.leaveEmpty?.includes(entry.name) ? { only: /^$/ } : {}
      copied = sum(copied, await copyFolder(source, target, inside))
    }
  }
  return copied
}

async function copyDurably(from: string, to: string): Promise<Backup> {
  try {
    await copyFile(from, to)
  } catch (error) {
    ignoreAbsent(error as NodeJS.ErrnoException)
    return NOTHING
  }
  await own(to, from)
  const handle = await open(to, 'r+')
  try {
    await handle.sync()
    return { files: 1, bytes: (await handle.stat()).size }
  } finally {
    await handle.close()
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The database runs as an ordinary user where we are root: its files stay that user's. */
async function own(file: string, like: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const found = await lstat(like).catch(ignoreAbsent)
  if (found) await chown(file, found.uid, found.gid)
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
