// Killing an embedded database the hard way, as a power cut or the kernel's memory killer would.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The process id of the running server, 0 when there is none. */
export function readPostmasterPid(dataDir: string): number {
  try {
    return Number.parseInt(readFileSync(path.join(dataDir, 'postgres/data/postmaster.pid'), 'utf8'), 10)
  } catch {
    return 0
  }
}

/** SIGKILL to the server and, unless only the server is meant, to every process of it. Returns whether there was one. */
export function killDatabase(dataDir: string, options: { readonly serverOnly?: boolean } = {}): boolean {
  const server = readPostmasterPid(dataDir)
  if (server === 0) return false
  const processes = options.serverOnly ? [server] : [server, ...childrenOf(server)]
  return processes.map(kill).includes(true)
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readParent(name) === parent)
    .map(Number)
}

function readParent(pid: string): number {
  try {
    // `4711 (postgres: checkpointer) S 4700 …`: the name may hold anything, a parenthesis too
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
  } catch {
    return 0
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false // it has ended by itself
  }
}
