// One engine process, from its start to its death: calls are multiplexed to it by number, and whatever ends it fails exactly
// the calls it was working on. When to start one is engine-handle.ts's business.
import { type ChildProcess, fork } from 'node:child_process'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { AudioChunk, EngineInfo, Piece, ReferenceRecording, Voice } from './engine.ts'
import { ENGINE_ENVIRONMENT } from './engine-environment.ts'
import { type EngineStart, type FromEngine, fromFailure, type ToEngine } from './engine-messages.ts'
import { createWatchdog } from './watchdog.ts'

export interface EngineChildOptions {
  /** Path of the compiled entry. */
  readonly entry: string
  readonly start: EngineStart
  /** Time in which the machine gives it no processor does not count, here and below. */
  readonly startTimeoutMs: number
  /** A process that answers no ping for this long while it has work is stuck in native code, and is killed. */
  readonly stuckAfterMs: number
  readonly log: Log
  /** Called when the last call has ended. */
  readonly onIdle: () => void
}

export interface EngineChild {
  readonly pid: number
  /** Rejects if the process dies before it could start. */
  readonly ready: Promise<EngineInfo>
  /** Resolves when the process is gone; true if it was not `stop` that ended it. */
  readonly exited: Promise<{ crashed: boolean; why: string }>
  readonly busy: boolean
  encode(recording: ReferenceRecording, signal: AbortSignal): Promise<Voice>
  synthesize(piece: Piece, signal: AbortSignal): AsyncGenerator<AudioChunk, void, void>
  /** Ends the process; calls in flight fail. */
  stop(): Promise<void>
}

/** Between asking a process to go and killing it: only a native call can hold it longer. */
const STOP_GRACE_MS = 2000
/** The start is long, and to be given up in time. */
const LOOKS_AT_THE_START = 20

export function engineStopped(): AppError {
  return new AppError(
    'unavailable',
    'The speech engine stopped while working on this request. Nothing was charged; try again.',
    {
      retryAfterSeconds: 1,
    },
  )
}

interface Call {
  onMessage(message: FromEngine): void
  onDeath(): void
}

export function startEngineChild(options: EngineChildOptions): EngineChild {
  const { log } = options
  const child = fork(options.entry, [JSON.stringify(options.start)], {
    serialization: 'advanced',
    env: ENGINE_ENVIRONMENT,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const calls = new Map<number, Call>()
  let nextCall = 1
  let stopping = false
  let whyKilled: string | undefined
  const send = (message: ToEngine): void => {
    if (child.connected) child.send(message, () => {}) // a failed send means a dying process: its exit fails the call
  }
  const kill = (why: string): void => {
    whyKilled ??= why
    child.kill('SIGKILL')
  }
  const pid = child.pid ?? 0
  const watchdog = createWatchdog({
    pid,
    patienceMs: options.stuckAfterMs,
    ask: () => send({ kind: 'ping' }),
    giveUp: () => kill('it stopped answering'),
  })
  const begin = (call: Call): number => {
    const number = nextCall++
    calls.set(number, call)
    watchdog.watch()
    return number
  }
  /** The engine has nothing more to do for this call. */
  const end = (number: number): void => {
    if (!calls.delete(number) || calls.size > 0) return
    watchdog.rest()
    options.onIdle()
  }

  const start = createWatchdog({
    pid,
    patienceMs: options.startTimeoutMs,
    looks: LOOKS_AT_THE_START,
    ask: () => {},
    giveUp: () => kill(`it did not start in ${options.startTimeoutMs} ms`),
  })
  start.watch()
  let onReady: (info: EngineInfo) => void = () => {}
  let onNeverReady: (error: Error) => void = () => {}
  const ready = new Promise<EngineInfo>((resolve, reject) => {
    onReady = resolve
    onNeverReady = reject
  })
  ready.catch(() => {}) // whoever waits for it gets the error; nobody may be waiting
  child.on('message', (message: FromEngine) => {
    watchdog.heard()
    if (message.kind === 'ready') {
      start.rest()
      onReady(message.info)
    } else if (message.kind !== 'pong') {
      calls.get(message.call)?.onMessage(message)
      if (message.kind !== 'chunk') end(message.call)
    }
  })
  logOutput(child, log)
  const exited = new Promise<{ crashed: boolean; why: string }>((resolve) => {
    const onExit = (why: string): void => {
      start.rest()
      watchdog.rest()
      onNeverReady(engineStopped())
      const orphans = [...calls.values()]
      calls.clear()
      resolve({ crashed: !stopping, why: whyKilled ?? why })
      for (const call of orphans) call.onDeath()
    }
    child.once('exit', (code, signal) => onExit(signal ?? `exit code ${code}`))
    child.once('error', (error) => child.pid === undefined && onExit(error.message)) // it could not be started at all
  })

  return {
    pid,
    ready,
    exited,
    get busy() {
      return calls.size > 0
    },
    encode: (recording, signal) => encode({ begin, send }, recording, signal),
    synthesize: (piece, signal) => synthesize({ begin, send }, piece, signal),
    async stop() {
      stopping = true
      if (child.connected) child.disconnect()
      const grace = setTimeout(() => kill('it did not go when asked'), STOP_GRACE_MS)
      await exited
      clearTimeout(grace)
    },
  }
}

interface Line {
  begin(call: Call): number
  send(message: ToEngine): void
}

function encode(line: Line, recording: ReferenceRecording, signal: AbortSignal): Promise<Voice> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const call = line.begin({
      onMessage(message) {
        signal.removeEventListener('abort', stop)
        if (message.kind === 'voice') resolve(message.voice)
        else if (message.kind === 'failed') reject(fromFailure(message.failure))
      },
      onDeath() {
        signal.removeEventListener('abort', stop)
        reject(engineStopped())
      },
    })
    const stop = (): void => {
      line.send({ kind: 'abort', call })
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    line.send({ kind: 'encode', call, recording })
  })
}

async function* synthesize(line: Line, piece: Piece, signal: AbortSignal): AsyncGenerator<AudioChunk, void, void> {
  signal.throwIfAborted()
  const inbox: (FromEngine | 'death')[] = []
  let wake = (): void => {}
  const put = (message: FromEngine | 'death'): void => {
    inbox.push(message)
    wake()
  }
  let running = true
  const call = line.begin({ onMessage: put, onDeath: () => put('death') })
  const stop = (): void => {
    // At once, not when the caller comes back for the next chunk: it may never come back.
    if (running) line.send({ kind: 'abort', call })
    wake()
  }
  signal.addEventListener('abort', stop, { once: true })
  line.send({ kind: 'synthesize', call, piece })
  try {
    while (true) {
      signal.throwIfAborted()
      const message = inbox.shift()
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else if (message === 'death') {
        running = false
        throw engineStopped()
      } else if (message.kind === 'chunk') {
        line.send({ kind: 'pull', call })
        yield message.chunk
      } else {
        running = false
        if (message.kind === 'failed') throw fromFailure(message.failure)
        return
      }
    }
  } finally {
    signal.removeEventListener('abort', stop)
    if (!signal.aborted) stop()
  }
}

/** What native code prints as it dies is often the only trace of why. */
function logOutput(child: ChildProcess, log: Log): void {
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log.warn({ pid: child.pid, output: text.slice(0, 4000) }, 'the engine process printed')
  })
}
