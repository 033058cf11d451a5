// What a test run leaves behind: processes and temporary files. Everything it starts has the run's own folder in its environment or
// command line.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface StrayProcess {
  readonly pid: number
  readonly command: string
}

/** Processes that mention `folder`, other than this one. Waits a moment for those that are about to end. */
export async function findStrayProcesses(folder: string): Promise<StrayProcess[]> {
  const find = () => listProcesses().filter(({ pid, text }) => pid !== process.pid && text.includes(folder))
  for (let attempt = 0; attempt < 50 && find().length > 0; attempt++) await sleep(100)
  return find().map(({ pid, command }) => ({ pid, command }))
}

function listProcesses(): { pid: number; command: string; text: string }[] {
  if (!existsSync('/proc/self/cmdline')) {
    const lines = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n')
    return lines.map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().slice(0, 200), text: line }))
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const command = readProcess(name, 'cmdline')
      return { pid: Number(name), command: command.slice(0, 200), text: `${command} ${readProcess(name, 'environ')}` }
    })
}

/** Empty for a process that has ended or belongs to somebody else. */
function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
