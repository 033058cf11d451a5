// The data folder of the embedded database: made once, whole or not at all.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { PostgresBinaries } from './binaries.ts'
import type { Place } from './identity.ts'

const run = promisify(execFile)

/** The one role: it owns everything. It has no password, because only our own user can reach the socket. */
export const DATABASE_USER = 'chatterbox'
const UNFINISHED = 'data.unfinished-'
// initdb takes 2–3 s; what is older was left by a process that was killed meanwhile.
const ABANDONED_AFTER_MS = 10 * 60_000

/** Returns the data folder, made by `initdb` if it is not there. Processes that do this at the same time end up with one folder. */
export async function ensureCluster(place: Place, binaries: PostgresBinaries): Promise<string> {
  const dataFolder = path.join(place.folder, 'data')
  const version = await readVersion(dataFolder)
  if (version === undefined) await makeCluster(place, binaries, dataFolder)
  else if (version !== binaries.majorVersion) {
    throw new Error(
      `${dataFolder} was made by PostgreSQL ${version}; this is PostgreSQL ${binaries.majorVersion}. Dump it with the old version and restore it with this one.`,
    )
  }
  await removeAbandoned(place.folder)
  return dataFolder
}

async function readVersion(dataFolder: string): Promise<string | undefined> {
  try {
    return (await readFile(path.join(dataFolder, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(
      `${dataFolder} belongs to another user. Start as that user or as root, or choose another DATA_DIR.`,
      {
        cause: error,
      },
    )
  }
}

async function makeCluster(place: Place, binaries: PostgresBinaries, dataFolder: string): Promise<void> {
  const unfinished = path.join(place.folder, `${UNFINISHED}${randomBytes(4).toString('hex')}`)
  const options = ['--username', DATABASE_USER, '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C']
  try {
    await run(binaries.initdb, ['--pgdata', unfinished, ...options], { ...place.identity, cwd: '/' }).catch((error) => {
      throw new Error(`initdb failed: ${String(error.stderr || error.message).trim()}`, { cause: error })
    })
    await rename(unfinished, dataFolder)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if ((await readVersion(dataFolder)) === undefined) throw error // else another process was first
  }
  const handle = await open(place.folder, 'r')
  await handle.sync().finally(() => handle.close())
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(UNFINISHED) && !name.endsWith('.unfinished')) continue
    const file = path.join(folder, name)
    const found = await stat(file).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(file, { recursive: true, force: true })
  }
}
