// Where the embedded database can live, which programs it can use, and what it says when it cannot.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, lstat, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findPackage, prepareBinaries } from '../../src/storage/embedded/binaries.ts'
import { findPlace } from '../../src/storage/embedded/identity.ts'
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { openSession } from '../../src/storage/postgres.ts'
import { killDatabase } from '../harness/kill-database.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const isRoot = process.getuid?.() === 0

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await makeTemporaryFolder()
  t.after(async () => {
    await chmodAll(folder)
    await rm(folder, { recursive: true })
  })
  return folder
}

/** Makes read-only folders removable again. */
async function chmodAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await chmodAll(path.join(folder, entry.name))
  }
}

test('a platform without programs is told of DATABASE_URL', () => {
  assert.throws(() => findPackage('plan9-vax'), /plan9-vax.*Set DATABASE_URL/)
})

test('a package installed without its script gets its library links, also through a linked node_modules', async (t) => {
  const folder = await makeFolder(t)
  const packageFolder = path.join(folder, 'package')
  await copyPackageWithoutLinks(packageFolder)
  await symlink(packageFolder, path.join(folder, 'linked'))
  const place = await findPlace(path.join(folder, 'data'))
  const binaries = await prepareBinaries(place, path.join(folder, 'linked'))
  assert.match(binaries.majorVersion, /^\d+$/)
  assert.ok((await lstat(path.join(packageFolder, 'native/lib/libpq.so'))).isSymbolicLink())
})

test('a package that cannot be written, or not be reached by the database, is used from a copy', async (t) => {
  const folder = await makeFolder(t)
  const packageFolder = path.join(folder, 'package')
  await copyPackageWithoutLinks(packageFolder)
  // Root may write anywhere, but the database's user may not enter; an ordinary user may not write.
  if (isRoot) await chmod(packageFolder, 0o700)
  else await chmod(path.join(packageFolder, 'native/lib'), 0o555)
  const place = await findPlace(path.join(folder, 'data'))
  const [binaries, same] = await Promise.all([
    prepareBinaries(place, packageFolder),
    prepareBinaries(place, packageFolder),
  ])
  assert.ok(binaries.postgres.startsWith(place.folder))
  assert.deepEqual(binaries, same)
  assert.equal((await readdir(place.folder)).filter((name) => name.startsWith('binaries-')).length, 1)
})

test('DATA_DIR may be below a folder that only root can enter', {
  skip: isRoot ? false : 'needs to be root',
}, async (t) => {
  const folder = await makeFolder(t)
  const rootOnly = path.join(folder, 'root-only')
  await mkdir(rootOnly, { mode: 0o700 })
  const dataDir = path.join(rootOnly, 'data')
  const rootFallback = path.join(folder, 'fallback')
  for (let start = 0; start < 2; start++) {
    const postgres = await startEmbeddedPostgres(dataDir, quietLog, { rootFallback })
    const session = await openSession(postgres.connection)
    await session.query('create table if not exists kept (n integer)')
    await session.close()
    await postgres.stop()
  }
  assert.ok((await realpath(path.join(dataDir, 'postgres'))).startsWith(await realpath(rootFallback)))
  assert.equal((await readdir(rootFallback)).length, 1)
  assert.equal((await lstat(rootOnly)).mode & 0o777, 0o700)
})

test('a folder that others can enter is not used for the socket', async (t) => {
  const folder = await makeFolder(t)
  const dataDir = path.join(folder, 'data')
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  const { connection } = postgres
  await postgres.stop()
  assert.ok('socketFolder' in connection)
  await mkdir(connection.socketFolder)
  await chmod(connection.socketFolder, 0o777)
  await assert.rejects(startEmbeddedPostgres(dataDir, quietLog), /not a private folder.*Remove it/)
  await rm(connection.socketFolder, { recursive: true })
})

test('a killed server’s process id may belong to another program by now', async (t) => {
  const folder = await makeFolder(t)
  const dataDir = path.join(folder, 'data')
  const idFile = path.join(dataDir, 'postgres/data/postmaster.pid')
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  const lines = (await readFile(idFile, 'utf8')).split('\n')
  const { uid } = await lstat(idFile)
  await postgres.stop()
  // Runs as the database's user: any other process id the database would see through by itself.
  const bystander = spawn('sleep', ['600'], isRoot ? { uid, cwd: '/' } : {})
  await writeFile(idFile, [bystander.pid, ...lines.slice(1)].join('\n'))
  const again = await startEmbeddedPostgres(dataDir, quietLog)
  await again.stop()
  assert.equal(bystander.exitCode, null)
  bystander.kill()
  await once(bystander, 'exit')
})

test('a folder of another major version is refused, and left as it is', async (t) => {
  const folder = await makeFolder(t)
  const dataDir = path.join(folder, 'data')
  await (await startEmbeddedPostgres(dataDir, quietLog)).stop()
  const versionFile = path.join(dataDir, 'postgres/data/PG_VERSION')
  await writeFile(versionFile, '12\n')
  await assert.rejects(startEmbeddedPostgres(dataDir, quietLog), /PostgreSQL 12.*Dump it/)
  assert.equal(killDatabase(dataDir), false)
})

async function copyPackageWithoutLinks(target: string): Promise<void> {
  const source = findPackage()
  const links = JSON.parse(await readFile(path.join(source, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[]
  const targets = new Set(links.map((link) => path.join(source, link.target)))
  await cp(source, target, { recursive: true, verbatimSymlinks: true, filter: (file) => !targets.has(file) })
}
