// As which user the embedded database runs, and in which folder it can live. PostgreSQL refuses to run as root.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, realpath, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Spawn options: empty unless we are root. */
export type Identity = { readonly uid: number; readonly gid: number } | Record<string, never>

export interface Place {
  readonly identity: Identity
  /** Holds `data`, belongs to the identity, and is reachable for it. */
  readonly folder: string
}

// Where the database of a root process lives when DATA_DIR is below a folder that only root may enter, as /root is.
const ROOT_FALLBACK = '/var/lib/chatterbox-serverless'

/**
 * Makes the folder of the embedded database, `<dataDir>/postgres`. For root this may become a link to a folder below `rootFallback`,
 * because the database's user must be able to walk there.
 */
export async function findPlace(dataDir: string, rootFallback = ROOT_FALLBACK): Promise<Place> {
  await mkdir(dataDir, { recursive: true, mode: 0o755 })
  const place = path.join(await realpath(dataDir), 'postgres')
  if (process.getuid?.() !== 0) {
    await mkdir(place, { recursive: true, mode: 0o700 })
    return { identity: {}, folder: await realpath(place) }
  }
  const identity = (await ownerOf(path.join(place, 'data'))) ?? (await nobody())
  if (!(await isDirectory(place))) await makePlaceForRoot(place, identity, rootFallback)
  const folder = await realpath(place)
  await chown(folder, identity.uid, identity.gid)
  if (!(await canReach(folder, identity))) {
    throw new Error(
      `The embedded database runs as uid ${identity.uid}, which cannot reach ${folder}. Choose another DATA_DIR, run as an ordinary user, or set DATABASE_URL.`,
    )
  }
  return { identity, folder }
}

async function makePlaceForRoot(place: string, identity: Identity, rootFallback: string): Promise<void> {
  const dataDir = path.dirname(place)
  // DATA_DIR is ours: let others walk through it (not look around). The folders above are not ours to open.
  await chmod(dataDir, (await stat(dataDir)).mode | 0o011)
  if (await canReach(dataDir, identity)) {
    await mkdir(place, { recursive: true, mode: 0o700 })
    return
  }
  const elsewhere = path.join(rootFallback, createHash('sha256').update(place).digest('hex').slice(0, 16))
  await mkdir(rootFallback, { recursive: true, mode: 0o755 })
  await mkdir(elsewhere, { recursive: true, mode: 0o700 })
  await symlink(elsewhere, place).catch(ignore('EEXIST')) // another process of ours was first
}

async function ownerOf(folder: string): Promise<{ uid: number; gid: number } | undefined> {
  const found = await stat(folder).catch(() => undefined)
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : undefined
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'nobody'])).stdout)),
  )
  if (!uid || !gid) throw new Error('There is no user `nobody` to run the embedded database as. Set DATABASE_URL.')
  return { uid, gid }
}

async function isDirectory(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() ?? false
}

/** Asks the system itself, as that user: mode bits alone know nothing of access lists and mounts. */
async function canReach(folder: string, identity: Identity): Promise<boolean> {
  return run('test', ['-x', folder], { ...identity, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

/**
 * Makes a folder that only the identity may enter, or checks that one which is there is just that: in a shared temporary folder
 * anybody could have put one under this name.
 */
export async function makePrivateFolder(folder: string, identity: Identity): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(ignore('EEXIST'))
  const found = await lstat(folder).catch(ignore('ENOENT'))
  if (!found) return makePrivateFolder(folder, identity) // a process of ours that has stopped its server has just removed it
  const ourUid = process.getuid?.() ?? 0
  const uid = identity.uid ?? ourUid
  if (!found.isDirectory() || (found.uid !== uid && found.uid !== ourUid) || (found.mode & 0o077) !== 0) {
    throw new Error(`${folder} is not a private folder of uid ${uid}. Remove it, or set DATABASE_URL.`)
  }
  if (found.uid !== uid && identity.uid !== undefined) {
    await chown(folder, identity.uid, identity.gid).catch(ignore('ENOENT'))
  }
}

function ignore(code: string) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error
  }
}
