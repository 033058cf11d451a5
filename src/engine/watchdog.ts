// Notices a process that does not answer although it could. A process that the machine gives no processor, or whose watcher has had none,
// is late and not stuck: only time in which both could run counts.
import { readThreads, type ThreadTime } from '../processor-time.ts'

export interface WatchdogOptions {
  readonly pid: number
  /** Counted in looks, not on the clock: a suspended laptop must not kill its engine on waking up. */
  readonly patienceMs: number
  readonly looks?: number
  /** Asks for a sign of life. */
  readonly ask: () => void
  /** The patience is used up. */
  readonly giveUp: () => void
  /** undefined where the system does not tell. */
  readonly readThreads?: typeof readThreads
  readonly now?: () => number
}

export interface Watchdog {
  /** Begins to count, unless it does already. */
  watch(): void
  heard(): void
  rest(): void
}

const LOOKS = 4
/** A look that comes later than this part of the time between two was itself waiting for a processor. */
const LATE_LOOK = 0.5

type Threads = ReadonlyMap<string, ThreadTime>

/**
 * For how long between two readings a process could have answered. All of it, where none of its threads wants a processor: then it waits for
 * something that does not come. Else as long as the one that had a processor longest.
 */
function couldRunMs(before: Threads, after: Threads): number {
  const all = [...after]
  if (!all.some(([, { isRunnable }]) => isRunnable)) return Number.POSITIVE_INFINITY
  return Math.max(...all.map(([name, { ranMs }]) => ranMs - (before.get(name)?.ranMs ?? 0)))
}

export function createWatchdog(options: WatchdogOptions): Watchdog {
  const { pid, patienceMs, looks = LOOKS, ask, giveUp } = options
  const { readThreads: read = readThreads, now = () => performance.now() } = options
  const everyMs = patienceMs / looks
  let timer: NodeJS.Timeout | undefined
  let silentMs = 0
  let hasAsked = false
  let lookedAt = 0
  let threads: Threads = new Map()

  const look = () => {
    const isLate = now() - lookedAt > everyMs * (1 + LATE_LOOK)
    lookedAt = now()
    const before = threads
    threads = read(pid) ?? new Map()
    if (hasAsked && !isLate) silentMs += Math.min(everyMs, couldRunMs(before, threads))
    if (silentMs >= patienceMs) return giveUp()
    hasAsked = true
    ask()
  }
  return {
    watch() {
      if (timer) return
      silentMs = 0
      hasAsked = false
      lookedAt = now()
      threads = read(pid) ?? new Map()
      timer = setInterval(look, everyMs)
    },
    heard() {
      silentMs = 0
    },
    rest() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
