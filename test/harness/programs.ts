// Programs that a machine may have and the tests can use: found, or the reason to skip.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'

// Debian keeps servers where an ordinary user's PATH does not look.
const ALSO_IN = ['/usr/sbin', '/sbin']

/** Where the program is, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...ALSO_IN]
  return folders
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** For the `skip` of a test: false when the program is there, otherwise what to install. */
export const skipWithout = (name: string, source: string): string | false =>
  findProgram(name) === undefined && `${name} is not installed (${source})`

export interface Ran {
  readonly code: number
  readonly stdout: string
  /** Standard output and standard error. */
  readonly output: string
}

/** Runs a program to its end; a failure is a code, not an exception. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) =>
    execFile(findProgram(name) ?? name, args, { maxBuffer: 2 ** 24, ...options }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0
      resolve({ code, stdout, output: stdout + stderr })
    }),
  )
}
