// One process of the product: started, watched, killed, started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/config.ts'
import { childrenOf, killAll, type RunningProcess, waitForEnd } from './processes.ts'

const READY_TIMEOUT_MS = 300_000
const STOP_TIMEOUT_MS = 60_000
// An engine process notices that its parent is gone when their channel closes, at the latest when it has finished a piece.
const ORPHAN_TIMEOUT_MS = 30_000

export interface MemberOptions {
  readonly name: string
  /** Of `chatterbox`. */
  readonly command: readonly string[]
  /** Of node. */
  readonly nodeArguments?: readonly string[]
  /** What to run node with, e.g. `ip netns exec …`. It must become node, not start it. */
  readonly through?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Where it says how it is. */
  readonly url: string
  readonly log: Writable
}

export interface Member {
  readonly name: string
  readonly url: string
  /** False from a kill until the process that was started after it answers. */
  readonly isReady: boolean
  start(): void
  /** Throws when it takes too long. */
  waitUntilReady(): Promise<void>
  /** SIGKILL; false when it did not run. It stays down until `start`. */
  kill(): Promise<boolean>
  /** SIGKILL to its engine process; false when there was none. */
  killEngine(): boolean
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  /** What must not have happened: ends that nobody had asked for, engine processes that outlived the process they belong to. */
  readonly incidents: readonly string[]
  /** All that goes on about killed processes is over. */
  settle(): Promise<void>
}

export function createMember(options: MemberOptions): Member {
  const { name, url, log } = options
  const incidents: string[] = []
  const watched: Promise<void>[] = []
  let child: ChildProcess | undefined
  let isReady = false
  let isEnding = true

  const enginesOf = (pid: number): number[] =>
    childrenOf(pid)
      .filter(({ command }) => command.includes('engine'))
      .map(({ pid }) => pid)
  const isAlive = () => child !== undefined && child.exitCode === null && child.signalCode === null

  const start = () => {
    const program = path.join(packageRoot, 'build/src/cli/cli.js')
    const [file = process.execPath, ...args] = [
      ...(options.through ?? []),
      process.execPath,
      ...(options.nodeArguments ?? []),
      program,
      ...options.command,
    ]
    const started = spawn(file, args, {
      // Without what the test runner preloads into its own processes.
      env: { ...process.env, NODE_OPTIONS: '', ...options.environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    isEnding = false
    isReady = false
    started.stderr?.pipe(log, { end: false })
    started.once('exit', (code, signal) => {
      if (started !== child) return
      isReady = false
      if (isEnding) return
      incidents.push(`${name} ended by itself with ${code ?? signal}`)
      start()
    })
    void lookUntilReady(started)
  }
  const lookUntilReady = async (started: ChildProcess) => {
    while (child === started && isAlive()) {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      if (child !== started) return
      if (response?.ok) {
        isReady = true
        return
      }
      await sleep(100)
    }
  }
  const watchOrphans = (engines: readonly number[]) =>
    waitForEnd(engines, ORPHAN_TIMEOUT_MS).then((late: readonly RunningProcess[]) => {
      for (const { command } of late) incidents.push(`outlived ${name}, which was killed: ${command}`)
    })

  return {
    name,
    url,
    incidents,
    get isReady() {
      return isReady
    },
    start,
    async waitUntilReady() {
      const until = performance.now() + READY_TIMEOUT_MS
      while (!isReady) {
        if (performance.now() > until) throw new Error(`${name} was not ready in ${READY_TIMEOUT_MS / 1000} s`)
        await sleep(50)
      }
    },
    async kill() {
      const killed = child
      if (!killed?.pid || !isAlive()) return false
      const engines = enginesOf(killed.pid)
      const ended = once(killed, 'exit')
      isEnding = true
      isReady = false
      killAll([killed.pid])
      await ended
      watched.push(watchOrphans(engines))
      return true
    },
    killEngine: () => child?.pid !== undefined && isAlive() && killAll(enginesOf(child.pid)),
    async stop() {
      if (!child || !isAlive()) return child?.exitCode ?? null
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) })
      isEnding = true
      isReady = false
      child.kill('SIGTERM')
      await ended.catch(() => {
        incidents.push(`${name} did not stop when it was asked to`)
        child?.kill('SIGKILL')
      })
      return child.exitCode
    },
    settle: async () => void (await Promise.all(watched)),
  }
}
