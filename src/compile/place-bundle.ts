// Puts a finished bundle where it is looked for. Whatever stops the machine, a whole one is found there before and after.
import { lstat, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { MANIFEST_FILE } from '../engine/bundle.ts'
import { replacedFolder } from '../engine/installed-models.ts'

/** A folder that would be replaced by a bundle, and is none. */
export class NotABundleError extends Error {
  constructor(folder: string) {
    super(`${folder} holds something else than a compiled model. Name another folder, or empty it.`)
    this.name = 'NotABundleError'
  }
}

/** Throws NotABundleError unless there is nothing at `to`, or a bundle, or an empty folder: better said before a minute of work. */
export async function demandReplaceable(to: string): Promise<void> {
  const names = (await kindOf(to)) === 'nothing' ? [] : await readdir(to)
  if (names.length > 0 && !names.includes(MANIFEST_FILE)) throw new NotABundleError(to)
}

/** Moves the folder `from` to `to`, in place of an older one. */
export async function replaceFolder(from: string, to: string): Promise<void> {
  const old = replacedFolder(to)
  if ((await kindOf(to)) !== 'nothing') {
    await rm(old, { recursive: true, force: true })
    await rename(to, old)
  }
  await rename(from, to)
  await rm(old, { recursive: true, force: true })
}

/**
 * Moves the folder `from` beside `to`, named by its version, and makes `to` a link to it. What the link stood for stays until the next
 * time, for a server that was started with it and goes on with it.
 */
export async function linkVersion(from: string, to: string, version: string): Promise<void> {
  const [parent, name] = [path.dirname(to), path.basename(to)]
  const kind = await kindOf(to)
  const before = kind === 'link' ? path.basename(await readlink(to)) : undefined
  const present = new Set(await readdir(parent))
  const base = `${name}-${version}`
  let mine = base
  for (let count = 2; present.has(mine); count++) mine = `${base}-${count}`
  await rename(from, path.join(parent, mine))
  const link = path.join(parent, `${name}.link`)
  await rm(link, { force: true })
  await symlink(mine, link)
  const old = replacedFolder(to)
  if (kind === 'folder') await rename(to, old)
  await rename(link, to)
  await rm(old, { recursive: true, force: true })
  const versionOfSame = new RegExp(`^${name}-[0-9a-f]{16}(-\\d+)?$`)
  for (const other of present)
    if (versionOfSame.test(other) && other !== before)
      await rm(path.join(parent, other), { recursive: true, force: true })
}

async function kindOf(file: string): Promise<'nothing' | 'link' | 'folder'> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return 'nothing'
  return found.isSymbolicLink() ? 'link' : 'folder'
}
