// The processes of this machine, read from /proc (Linux), and the roughest way to end them.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RunningProcess {
  readonly pid: number
  readonly parentPid: number
  /** Arguments joined by blanks; empty for a zombie. */
  readonly command: string
  readonly environment: string
}

/** Every process but zombies and ourselves; processes that end while we look are left out. */
export function listProcesses(): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${name}/${file}`, 'utf8').replaceAll('\0', ' ')
        // `pid (name with anything) state ppid …`
        const [state, parent] = read('stat')
          .replace(/^.*\) /s, '')
          .split(' ')
        if (state === 'Z') return []
        return [
          { pid: Number(name), parentPid: Number(parent), command: read('cmdline'), environment: read('environ') },
        ]
      } catch {
        return []
      }
    })
}

export function childrenOf(pid: number): RunningProcess[] {
  return listProcesses().filter(({ parentPid }) => parentPid === pid)
}

/** Kills all of them, the first first; false when none was there any more. */
export function killAll(pids: readonly number[]): boolean {
  let killed = false
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
      killed = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  return killed
}

/** Waits until none of `pids` runs; returns those that still do after `timeoutMs`. */
export async function waitForEnd(pids: readonly number[], timeoutMs: number): Promise<RunningProcess[]> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const left = listProcesses().filter(({ pid }) => pids.includes(pid))
    if (left.length === 0 || performance.now() > until) return left
    await sleep(50)
  }
}
