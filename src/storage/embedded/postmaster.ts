// Starting, finding and stopping the PostgreSQL server process of a data folder. Several processes of ours may do so at once.
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rmdir } from 'node:fs/promises'
import { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openSession, type PostgresConnection, type Session } from '../postgres.ts'
import type { PostgresBinaries } from './binaries.ts'
import { DATABASE_USER } from './cluster.ts'
import { type Identity, makePrivateFolder, type Place } from './identity.ts'

const run = promisify(execFile)

// A unix socket's path holds at most 103 bytes on macOS and 107 on Linux, `/.s.PGSQL.5432` included.
const MAX_SOCKET_FOLDER_BYTES = 103 - 14
// Crash recovery replays at most max_wal_size: seconds. While the server says that it is starting, we go on waiting.
const START_TIMEOUT_MS = 30_000
const RECOVERY_TIMEOUT_MS = 10 * 60_000
const STOP_TIMEOUT_MS = 15_000

// Small and durable: fsync stays on. No TCP; no replication; one machine's worth of connections.
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  wal_level: 'replica', // `chatterbox backup` copies a running database
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync', // no pool of I/O processes
  jit: 'off',
  timezone: 'UTC',
  // The server writes and rotates its own log, a week of days, in `data/log`.
  logging_collector: 'on',
  log_filename: 'postgresql-%a.log',
  log_truncate_on_rotation: 'on',
  log_rotation_age: '1d',
  log_checkpoints: 'off',
}

export interface Postmaster {
  readonly connection: PostgresConnection
  /** A session on the running server: finds one that runs already, or starts one. Throws when neither works in time. */
  connect(): Promise<Session>
  /** Asks the server to stop, cutting every session, and waits until it has. */
  shutDown(): Promise<void>
}

export async function createPostmaster(
  place: Place,
  binaries: PostgresBinaries,
  dataFolder: string,
): Promise<Postmaster> {
  const socketFolder = (await findLiveSocketFolder(dataFolder)) ?? ownSocketFolder(dataFolder)
  const connection = connectionAt(socketFolder)
  const program = [
    ...(await findLockCommand(place.folder, dataFolder)),
    ...[binaries.postgres, '-D', dataFolder, '-k', socketFolder],
    ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  let child: ServerProcess | undefined
  return {
    connection,
    connect: async () => {
      const giveUpAt = performance.now() + RECOVERY_TIMEOUT_MS
      let lastSignOfLifeAt = performance.now()
      while (performance.now() < Math.min(giveUpAt, lastSignOfLifeAt + START_TIMEOUT_MS)) {
        try {
          return await openSession(connection)
        } catch (error) {
          if (isStartingOrStopping(error)) lastSignOfLifeAt = performance.now()
          else if (!child?.alive) {
            await makePrivateFolder(socketFolder, place.identity)
            child = spawnServer(program, place.identity)
          }
        }
        await sleep(20)
        // It has ended at once: another server still has this folder, is stopping, or has left processes behind that are about to end.
        if (!child?.alive) await sleep(100)
      }
      throw new Error(
        `The embedded database in ${dataFolder} does not answer. Its log is in ${path.join(dataFolder, 'log')}. ${child?.lastWords ?? ''}`,
      )
    },
    shutDown: async () => {
      await stopServer(dataFolder)
      await rmdir(socketFolder).catch(() => {}) // not empty when another process of ours has just started a server
    },
  }
}

interface ServerProcess {
  readonly alive: boolean
  /** The end of what it wrote to standard error before its own log was open. */
  readonly lastWords: string
}

function spawnServer([program = '', ...args]: readonly string[], identity: Identity): ServerProcess {
  // `detached`: a Ctrl-C in the terminal is for us; the database stops after us, not with us.
  const child = spawn(program, args, {
    ...identity,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C', TZ: 'UTC' },
  })
  const state = { alive: true, lastWords: '' }
  child.once('exit', () => {
    state.alive = false
  })
  child.once('error', (error) => {
    Object.assign(state, { alive: false, lastWords: error.message })
  })
  child.stderr.on('data', (words: Buffer) => {
    state.lastWords = `${state.lastWords}${words}`.slice(-1000)
  })
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
  return state
}

/**
 * `flock` (util-linux, on every Debian) in front of the server: the lock is inherited by every process of the database and ends with the
 * last one. It keeps apart servers in different containers on one volume, which do not see each other's process ids, and makes it
 * safe to remove the id file of a killed server, whose number may by now be another program's – the server would refuse to start.
 * Without it (macOS), the server's own check of that file has to do.
 */
async function findLockCommand(folder: string, dataFolder: string): Promise<string[]> {
  const help = await run('flock', ['--help']).catch(() => undefined)
  if (!help?.stdout.includes('--no-fork')) return []
  const script = 'rm -f "$0" && exec "$@"'
  return ['flock', '--nonblock', '--no-fork', path.join(folder, 'lock'), 'sh', '-c', script, idFileOf(dataFolder)]
}

/** Asks the server to stop. Only while a session is open on it: then its id file is its own. */
async function stopServer(dataFolder: string): Promise<void> {
  const pid = Number((await readIdFile(dataFolder))[0])
  if (!pid) return
  const startedAt = performance.now()
  process.kill(pid, 'SIGINT') // "fast": cuts sessions, writes a checkpoint
  let killed = false
  // The server removes the file as its last act. Its process id would not do: an orphan may stay a zombie.
  while (Number((await readIdFile(dataFolder))[0]) === pid) {
    if (!killed && performance.now() - startedAt > STOP_TIMEOUT_MS) {
      killed = true
      process.kill(pid, 'SIGQUIT') // "immediate": the next start recovers
    }
    if (performance.now() - startedAt > 2 * STOP_TIMEOUT_MS) throw new Error(`PostgreSQL (pid ${pid}) does not stop.`)
    await sleep(10)
  }
}

function connectionAt(socketFolder: string): PostgresConnection {
  return { socketFolder, user: DATABASE_USER, database: 'postgres' }
}

/** In the temporary folder, because the path must be short and some shared volumes have no sockets; named after the data folder. */
function ownSocketFolder(dataFolder: string): string {
  const name = `chatterbox-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 16)}`
  const folder = path.join(os.tmpdir(), name)
  return Buffer.byteLength(folder) <= MAX_SOCKET_FOLDER_BYTES ? folder : path.join('/tmp', name)
}

/** Where the server that runs already has its socket: whoever started it may have had another temporary folder. */
async function findLiveSocketFolder(dataFolder: string): Promise<string | undefined> {
  const socketFolder = (await readIdFile(dataFolder))[4]
  if (!socketFolder) return undefined
  try {
    await (await openSession(connectionAt(socketFolder))).close()
    return socketFolder
  } catch (error) {
    return isStartingOrStopping(error) ? socketFolder : undefined
  }
}

/** The lines of postmaster.pid: process id, data folder, start time, port, socket folder, … None when there is no server. */
async function readIdFile(dataFolder: string): Promise<string[]> {
  const text = await readFile(idFileOf(dataFolder), 'utf8').catch(() => '')
  return text.split('\n')
}

const idFileOf = (dataFolder: string): string => path.join(dataFolder, 'postmaster.pid')

/** SQLSTATE 57P03, "cannot connect now". */
const isStartingOrStopping = (error: unknown): boolean => (error as { code?: string }).code === '57P03'
