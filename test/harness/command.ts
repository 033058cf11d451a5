// Runs the built command line as a person would: a process of its own, a folder of its own.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { packageRoot } from '../../src/config.ts'

const CLI = path.join(packageRoot, 'build/src/cli/cli.js')

export interface Finished {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export type CommandProcess = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts `chatterbox …`. Of our environment it sees only what a program needs to run. */
export function startCommand(args: readonly string[], environment: Readonly<Record<string, string>>): CommandProcess {
  const { PATH = '', TMPDIR = '/tmp', HOME = '/nonexistent' } = process.env
  return spawn(process.execPath, [CLI, ...args], {
    env: { PATH, TMPDIR, HOME, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  input = '',
): Promise<Finished> {
  const child = startCommand(args, environment)
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}
