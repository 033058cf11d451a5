// Bytes by key in a folder: written aside, synced, renamed.
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { invariant } from '../errors.ts'
import { BLOB_KEY, type BlobBlocks, type Blobs } from './blobs.ts'

export function createFileBlobs(blobFolder: string): Blobs {
  const folder = path.resolve(blobFolder)
  const fileOf = (key: string): string => {
    invariant(BLOB_KEY.test(key), `${JSON.stringify(key)} is no blob key`)
    return path.join(folder, key)
  }
  const put = async (key: string, write: (handle: FileHandle) => Promise<unknown>) => {
    const file = fileOf(key)
    await makeDurableFolder(path.dirname(file))
    const unfinished = `${file}.${randomBytes(4).toString('hex')}.tmp`
    try {
      const handle = await open(unfinished, 'wx', 0o600)
      try {
        await write(handle)
        await handle.datasync()
      } finally {
        await handle.close()
      }
      await rename(unfinished, file)
    } catch (error) {
      await rm(unfinished, { force: true })
      throw error
    }
    await syncFolder(path.dirname(file)) // makes the new name durable
  }
  return {
    put: (key, bytes) => put(key, (handle) => handle.writeFile(bytes)),
    putBlocks: (key, blocks) => put(key, (handle) => writeBlocks(handle, blocks)),
    read: async (key) => readFile(fileOf(key)).catch(undefinedWhenMissing),
    stream: async (key, { start, end }) => {
      const handle = await open(fileOf(key)).catch(undefinedWhenMissing)
      return handle?.createReadStream({ start, end: end - 1 }) // closes the handle
    },
    size: async (key) => (await stat(fileOf(key)).catch(undefinedWhenMissing))?.size,
    delete: async (key) => rm(fileOf(key), { force: true }),
    list: async function* (under) {
      const entries = await readdir(fileOf(under), { recursive: true, withFileTypes: true }).catch(undefinedWhenMissing)
      for (const entry of entries ?? []) {
        if (!entry.isFile()) continue
        const file = path.join(entry.parentPath, entry.name)
        const found = await stat(file).catch(undefinedWhenMissing)
        if (found) yield { key: path.relative(folder, file).split(path.sep).join('/'), modifiedAt: found.mtime }
      }
    },
  }
}

async function writeBlocks(handle: FileHandle, blocks: BlobBlocks): Promise<void> {
  let next = await blocks.next()
  for (; !next.done; next = await blocks.next()) await handle.writeFile(next.value) // from where the last one ended
  if (next.value) await handle.write(next.value, 0, next.value.length, 0)
}

/** Makes the folder and, where any part of its path is new, makes those names durable as well. */
async function makeDurableFolder(folder: string): Promise<void> {
  const topmostMade = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (topmostMade === undefined) return
  const above = path.dirname(topmostMade)
  for (let made = folder; made !== above; made = path.dirname(made)) await syncFolder(path.dirname(made))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function undefinedWhenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
