// An Engine that lives in a process of its own: started by the first call, started again after a crash, gone when idle.
// The caller sees an Engine like any other; a native crash fails the requests in flight and never the server.
import { fileURLToPath } from 'node:url'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { modelReplaced } from './bundle.ts'
import type { Engine, EngineInfo } from './engine.ts'
import { type EngineChild, engineStopped, startEngineChild } from './engine-child.ts'
import type { EngineStart } from './engine-messages.ts'

export interface EngineHandle extends Engine {
  /** A process runs and is ready: nothing has to be loaded before the next call. */
  readonly isWarm: boolean
}

/** The engine has crashed several times in a row and is not tried again before `retryAfterSeconds`: no fault of the call's. */
export class EngineResting extends AppError {
  constructor(retryAfterSeconds: number) {
    super('unavailable', 'The speech engine keeps stopping and is given a rest; try again later.', {
      retryAfterSeconds,
    })
  }
}

export interface EngineHandleOptions {
  readonly start: EngineStart
  /** The process exits after this many seconds without a call, and its memory is free; 0 keeps it. */
  readonly idleSeconds: number
  readonly onStart: (pid: number) => void
  /** The process died without being asked to. */
  readonly onCrash: (pid: number, why: string) => void
  readonly log: Log
  readonly startTimeoutSeconds?: number
  readonly stuckAfterSeconds?: number
  /** Path of another entry that serves an engine (engine-server.ts). */
  readonly entry?: string
}

/** Loading 1.5 GB from a cold network disk takes long; a process that has not said anything by then never will. */
const START_TIMEOUT_SECONDS = 180
/** The longest native step: of the preview under 2 s on a busy machine; a vocoder run over 40 s of audio 7 s on two idle cores. */
const STUCK_AFTER_SECONDS = { preview: 20, turbo: 120, nano: 120 } as const
/** One crash may be chance: the next call starts at once. From the second in a row on, the wait doubles. */
const FIRST_BACKOFF_MS = 500
const LONGEST_BACKOFF_MS = 30_000

export function createEngineHandle(options: EngineHandleOptions): EngineHandle {
  const { log } = options
  const idleMs = options.idleSeconds * 1000
  const leaving = new Set<Promise<unknown>>()
  let child: EngineChild | undefined
  let ready: EngineChild | undefined
  let knownInfo: EngineInfo | undefined
  let idleTimer: NodeJS.Timeout | undefined
  let crashesInARow = 0
  let closedUntilMs = 0
  let disposed = false

  const stop = (going: EngineChild): Promise<void> => {
    if (child === going) child = undefined
    return going.stop()
  }
  const onIdle = (): void => {
    clearTimeout(idleTimer)
    const idle = child
    if (!idle || idleMs === 0 || disposed) return
    idleTimer = setTimeout(() => {
      if (idle.busy) return
      log.info({ pid: idle.pid }, 'the engine process was idle and exits')
      void stop(idle)
    }, idleMs)
    idleTimer.unref()
  }
  const onExit = (gone: EngineChild, crashed: boolean, why: string): void => {
    if (child === gone) child = undefined
    if (!crashed) return
    crashesInARow++
    const backoffMs = crashesInARow < 2 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (crashesInARow - 2), LONGEST_BACKOFF_MS)
    closedUntilMs = performance.now() + backoffMs
    log.error({ pid: gone.pid, why, crashesInARow, backoffMs }, 'the engine process died')
    options.onCrash(gone.pid, why)
  }
  const start = (): EngineChild => {
    const waitMs = closedUntilMs - performance.now()
    if (waitMs > 0) throw new EngineResting(Math.ceil(waitMs / 1000))
    const started = startEngineChild({
      entry: options.entry ?? fileURLToPath(new URL('./engine-process.js', import.meta.url)),
      start: options.start,
      startTimeoutMs: (options.startTimeoutSeconds ?? START_TIMEOUT_SECONDS) * 1000,
      stuckAfterMs: (options.stuckAfterSeconds ?? STUCK_AFTER_SECONDS[options.start.model]) * 1000,
      log,
      onIdle,
    })
    log.info({ pid: started.pid, model: options.start.model }, 'engine process started')
    options.onStart(started.pid)
    started.ready.then(
      () => {
        ready = started
      },
      () => {},
    )
    const gone = started.exited.then(({ crashed, why }) => onExit(started, crashed, why))
    leaving.add(gone)
    void gone.finally(() => leaving.delete(gone))
    return started
  }
  /** The running process, or a new one that is ready. */
  const reach = async (signal?: AbortSignal): Promise<EngineChild> => {
    signal?.throwIfAborted()
    if (disposed)
      throw new AppError('unavailable', 'The server is stopping; try again in a moment.', { retryAfterSeconds: 1 })
    clearTimeout(idleTimer)
    child ??= start()
    const reached = child
    const info = await untilAborted(reached.ready, signal)
    if (!reached.busy) onIdle() // started only to be asked what it is, or for a caller that has gone
    // Voices and outputs were made by, and are kept under the name of, the model that was there first.
    if (knownInfo && knownInfo.version !== info.version) throw modelReplaced()
    knownInfo = info
    return reached
  }
  const succeeded = (): void => {
    crashesInARow = 0
  }

  return {
    get isWarm() {
      return child !== undefined && ready === child
    },
    async info() {
      if (!knownInfo) await reach()
      return knownInfo ?? Promise.reject(engineStopped())
    },
    async encodeVoice(recording, signal) {
      const voice = await (await reach(signal)).encode(recording, signal)
      succeeded()
      return voice
    },
    async *synthesize(piece, signal) {
      yield* (await reach(signal)).synthesize(piece, signal)
      succeeded()
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      clearTimeout(idleTimer)
      if (child) void stop(child)
      await Promise.all(leaving)
    },
  }
}

/** A caller that leaves does not wait for the start; the start itself goes on for the next one. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
