// The databases that the kill loop runs on, each with the roughest way to end it and what brings it back.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, chown, mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Database, openDatabase, openSession, type PostgresConnection } from '../../src/storage/postgres.ts'
import { joinDatabase } from '../harness/join-database.ts'
import { freePort } from '../harness/ports.ts'
import { childrenOf, killAll, listProcesses, waitForEnd } from './processes.ts'

const run = promisify(execFile)
const START_TIMEOUT_MS = 120_000

export interface VictimDatabase extends AsyncDisposable {
  readonly name: string
  /** Settings by which the product finds it. */
  readonly environment: Readonly<Record<string, string>>
  /** SIGKILL to all of its processes, or the end of all its sessions where they are not ours to kill; false when there was nothing to end. */
  kill(): Promise<boolean>
  /** Brings it back. The embedded one is brought back by whoever uses it. */
  revive(): Promise<void>
  /** Another user of it. */
  join(): Promise<AsyncDisposable & { readonly db: Database }>
}

/** `kind`: `embedded`; the URL of a server, in which a database is made for the run; or the folder of PostgreSQL's programs. */
export async function openVictimDatabase(kind: string, folder: string): Promise<VictimDatabase> {
  if (kind === 'embedded') return embedded(path.join(folder, 'data'))
  if (kind.startsWith('/')) return ownCluster(kind, path.join(folder, 'cluster'))
  return guest(kind)
}

function embedded(dataDir: string): VictimDatabase {
  return {
    name: 'embedded',
    environment: {},
    kill: async () => killAll(await processesOf(path.join(dataDir, 'postgres/data'))),
    revive: async () => {},
    join: () => joinDatabase(dataDir),
    [Symbol.asyncDispose]: async () => {},
  }
}

/** The id file may be of a server that is dead, and the number another program's by now. */
async function processesOf(dataFolder: string): Promise<number[]> {
  const idFile = await readFile(path.join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')
  const postmaster = listProcesses().find(({ pid }) => pid === Number.parseInt(idFile, 10))
  if (!postmaster?.command.includes(dataFolder)) return []
  return [postmaster.pid, ...childrenOf(postmaster.pid).map(({ pid }) => pid)]
}

const joinUrl = async (url: string) => {
  const db = openDatabase({ url }, { poolSize: 2 })
  return { db, [Symbol.asyncDispose]: () => db.destroy() }
}

/** A server made for the run from the programs in `programs`, at `host`, an address of this machine. */
export async function ownCluster(programs: string, folder: string, host = '127.0.0.1'): Promise<VictimDatabase> {
  const identity = await ordinaryUser()
  await mkdir(folder, { mode: 0o700 })
  if (identity.uid !== undefined) await chown(folder, identity.uid, identity.gid)
  const data = path.join(folder, 'data')
  const options = { ...identity, cwd: '/' }
  await run(
    path.join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    options,
  )
  await appendFile(path.join(data, 'pg_hba.conf'), 'host all all 10.0.0.0/8 trust\n')
  const port = await freePort()
  const settings = {
    port,
    listen_addresses: host,
    unix_socket_directories: folder,
    max_connections: 200,
    logging_collector: 'on',
    log_directory: folder,
  }
  const parameters = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const url = `postgres://postgres@${host}:${port}/postgres`
  const revive = async () => {
    const until = performance.now() + START_TIMEOUT_MS
    let server: ChildProcess | undefined
    while (!(await answers({ url }))) {
      if (performance.now() > until) throw new Error(`PostgreSQL does not start; see ${folder}.`)
      // It ends at once while a process of its predecessor, forked in the moment of the kill, still has the old memory.
      if (!server || server.exitCode !== null || server.signalCode !== null) {
        server = spawn(path.join(programs, 'postgres'), ['-D', data, ...parameters], {
          ...options,
          stdio: 'ignore',
          detached: true,
        })
        server.unref()
      }
      await sleep(100)
    }
  }
  const kill = async () => {
    const pids = await processesOf(data)
    const killed = killAll(pids)
    await waitForEnd(pids, START_TIMEOUT_MS)
    return killed
  }
  await revive()
  return {
    name: programs,
    environment: { DATABASE_URL: url },
    kill,
    revive,
    join: () => joinUrl(url),
    [Symbol.asyncDispose]: async () => void (await kill()),
  }
}

async function ordinaryUser(): Promise<{ uid: number; gid: number } | Record<string, never>> {
  if (process.getuid?.() !== 0) return {}
  const idOf = async (flag: string) => Number((await run('id', [flag, 'nobody'])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

async function answers(connection: PostgresConnection): Promise<boolean> {
  try {
    await (await openSession(connection)).close()
    return true
  } catch {
    return false
  }
}

/** A database of its own in a server that others use as well: its sessions are ended, not the server. */
async function guest(serverUrl: string): Promise<VictimDatabase> {
  const name = `chaos_${randomBytes(4).toString('hex')}`
  const own = new URL(serverUrl)
  own.pathname = `/${name}`
  const ask = async (statement: string) => {
    const session = await openSession({ url: serverUrl })
    try {
      return await session.query<{ ended: boolean }>(statement)
    } finally {
      await session.close()
    }
  }
  await ask(`create database ${name}`)
  return {
    name: 'a database in a server',
    environment: { DATABASE_URL: own.href },
    kill: async () =>
      (await ask(`select pg_terminate_backend(pid) as ended from pg_stat_activity where datname = '${name}'`)).length >
      0,
    revive: async () => {},
    join: () => joinUrl(own.href),
    [Symbol.asyncDispose]: async () => void (await ask(`drop database ${name} with (force)`)),
  }
}
