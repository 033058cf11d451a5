// On what a number was measured, and how busy others kept the machine meanwhile.
import { execFileSync } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { packageRoot } from '../src/config.ts'

/** Milliseconds that all processors together have been busy since the machine started. */
export function busyMs(): number {
  return os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
}

/** The middle of the numbers; the upper of two. NaN of none. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

export function describeMachine() {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: path.resolve(packageRoot),
    encoding: 'utf8',
  })
  const [cpu] = os.cpus()
  return {
    date: new Date().toISOString(),
    commit: commit.trim(),
    cpu: cpu?.model.trim(),
    cores: os.cpus().length,
    node: process.version,
  }
}
