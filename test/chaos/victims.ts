// A real `chatterbox serve` over its embedded PostgreSQL, started, killed in parts or whole, started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/config.ts'
import { childrenOf, killAll, listProcesses, type RunningProcess, waitForEnd } from './processes.ts'

const READY_TIMEOUT_MS = 60_000
// An engine process notices that its server is gone when their channel closes, at the latest when it has finished a piece.
const ORPHAN_TIMEOUT_MS = 30_000

/** `machine`: everything at once, as when the power fails, but for what the disk had not written yet. */
export type Target = 'engine' | 'server' | 'postgres' | 'machine'

export interface Victims extends AsyncDisposable {
  readonly baseUrl: string
  start(): void
  waitUntilReady(): Promise<void>
  /** SIGKILL to all processes of the target; false when there was none. A killed server stays down until `start`. */
  kill(target: Target): Promise<boolean>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  /** Whatever still runs on the data folder after a moment to end in. */
  leftovers(): Promise<RunningProcess[]>
  /** Engine processes that outlived their killed server. */
  readonly orphans: readonly RunningProcess[]
  /** How servers ended that nobody had killed. */
  readonly crashes: readonly string[]
}

export interface VictimsOptions {
  readonly dataDir: string
  readonly logFile: string
  readonly environment: Readonly<Record<string, string>>
  /** Modules that the server process loads first: how a negative control gets in. */
  readonly preload?: string
}

export async function createVictims({ dataDir, logFile, environment, preload }: VictimsOptions): Promise<Victims> {
  const port = await freePort()
  const baseUrl = `http://127.0.0.1:${port}`
  const log = createWriteStream(logFile, { flags: 'a' })
  const orphans: RunningProcess[] = []
  const crashes: string[] = []
  const watched: Promise<void>[] = []
  let ending = false
  let server: ChildProcess | undefined

  const alive = () => server !== undefined && server.exitCode === null && server.signalCode === null
  const engines = () => childrenOf(server?.pid ?? 0).filter(({ command }) => command.includes('engine'))

  /** The id file may be of a server that is dead, and the number another program's by now. */
  const postgres = async (): Promise<number[]> => {
    const idFile = await readFile(path.join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').catch(() => '')
    const postmaster = listProcesses().find(({ pid }) => pid === Number.parseInt(idFile, 10))
    if (!postmaster?.command.includes(dataDir)) return []
    return [postmaster.pid, ...childrenOf(postmaster.pid).map(({ pid }) => pid)]
  }
  const kill = async (target: Target): Promise<boolean> => {
    const enginePids = engines().map(({ pid }) => pid)
    if (target === 'engine') return killAll(enginePids)
    const postgresPids = target === 'server' ? [] : await postgres()
    if (target === 'postgres') return killAll(postgresPids)
    const serverPid = alive() ? server?.pid : undefined
    if (!server || serverPid === undefined) return killAll(postgresPids)
    const ended = once(server, 'exit')
    ending = true
    killAll([serverPid, ...postgresPids])
    if (target === 'machine') killAll(enginePids)
    await ended
    watched.push(waitForEnd(enginePids, ORPHAN_TIMEOUT_MS).then((late) => void orphans.push(...late)))
    return true
  }
  const start = (): void => {
    const program = path.join(packageRoot, 'build/src/cli/cli.js')
    const node = preload ? ['--import', preload] : []
    server = spawn(process.execPath, [...node, program, 'serve'], {
      // Without what the test runner preloads into its own processes.
      env: { ...process.env, NODE_OPTIONS: '', ...environment, DATA_DIR: dataDir, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server.stderr?.pipe(log, { end: false })
    ending = false
    server.once('exit', (code, signal) => {
      if (ending) return
      crashes.push(`the server ended by itself with ${code ?? signal}; see ${logFile}`)
      start()
    })
  }

  return {
    baseUrl,
    orphans,
    crashes,
    start,
    async waitUntilReady() {
      const until = performance.now() + READY_TIMEOUT_MS
      while (performance.now() < until) {
        const response = await fetch(`${baseUrl}/readyz`).catch(() => undefined)
        if (response?.ok) return
        await sleep(50)
      }
      throw new Error(`The server was not ready in ${READY_TIMEOUT_MS / 1000} s; see ${logFile}.`)
    },
    kill,
    async stop() {
      if (!server) return null
      if (alive()) {
        const ended = once(server, 'exit')
        ending = true
        server.kill('SIGTERM')
        await ended
      }
      await Promise.all(watched)
      return server.exitCode
    },
    leftovers() {
      const ours = listProcesses().filter(({ command, environment }) => `${command} ${environment}`.includes(dataDir))
      return waitForEnd(
        ours.map(({ pid }) => pid),
        ORPHAN_TIMEOUT_MS,
      )
    },
    async [Symbol.asyncDispose]() {
      await kill('machine')
      await Promise.all(watched)
      log.end()
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
