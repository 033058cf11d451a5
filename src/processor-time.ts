// What the scheduler has given to threads and processes, as Linux tells it in /proc: so that waiting for a processor is not mistaken for
// being slow. Other systems do not tell; there every answer is undefined.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Of /proc/…/stat, on every architecture that Node runs on. */
const MS_PER_TICK = 10
const NS_PER_MS = 1e6

/** The calling thread, as the other functions name it: `<process>/task/<thread>`. */
export const nameThisThread = (): string | undefined => ask(() => readlinkSync('/proc/thread-self'))

/** Milliseconds for which a thread has had a processor. */
export function readThreadCpuMs(thread: string): number | undefined {
  // Nanoseconds run, nanoseconds waited, and how often.
  const schedule = ask(() => readFileSync(`/proc/${thread}/schedstat`, 'latin1').split(' '))
  return schedule && Number(schedule[0]) / NS_PER_MS
}

/** Milliseconds for which a process, all of its threads together, has had a processor. */
export function readProcessCpuMs(pid: number): number | undefined {
  // `pid (name with anything) state …`: utime and stime are the 14th and 15th.
  const fields = ask(() =>
    readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' '),
  )
  return fields && (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

export interface ThreadTime {
  /** Milliseconds for which it has had a processor. */
  readonly ranMs: number
  /** It runs, or would if there were a processor for it. */
  readonly isRunnable: boolean
}

/** The threads of a process, by their numbers. */
export function readThreads(pid: number): ReadonlyMap<string, ThreadTime> | undefined {
  const names = ask(() => readdirSync(`/proc/${pid}/task`))
  if (!names) return undefined
  const threads = names.map((name) => {
    const state = ask(() => readFileSync(`/proc/${pid}/task/${name}/stat`, 'latin1').replace(/^.*\) /s, ''))
    return [
      name,
      { ranMs: readThreadCpuMs(`${pid}/task/${name}`) ?? 0, isRunnable: state?.startsWith('R') ?? false },
    ] as const
  })
  return new Map(threads)
}

/** undefined: not Linux, or the thread has ended. */
function ask<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined
    throw error
  }
}
