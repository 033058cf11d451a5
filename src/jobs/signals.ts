// Waiting for what other processes do to jobs: woken by notifications while they arrive, by a quick poll while they do not. A wait that ends
// says nothing but "look now"; the rows are the truth.
import { sql } from 'kysely'
import type { Log } from '../log.ts'
import { listen } from '../storage/listen.ts'
import type { Database, PostgresConnection } from '../storage/postgres.ts'
import { CHANGED_CHANNEL, QUEUED_CHANNEL } from './notify.ts'

const POLL_MS = 50

export interface JobSignals extends AsyncDisposable {
  /** False: every wait is a short one. */
  readonly isListening: boolean
  /**
   * Ends when a job may have been added to the queue, when `atMostMs` are over, or when `signal` is aborted. Never rejects. Begin to wait
   * before you look, so that nothing is missed in between.
   */
  waitForQueued(signal: AbortSignal, atMostMs: number): Promise<void>
  /** The same for one job: it may have ended, have a new piece, or be about to be cancelled. */
  waitForChange(jobId: string, signal: AbortSignal, atMostMs: number): Promise<void>
}

export interface JobSignalsOptions {
  readonly db: Database
  /** A connection that notifications arrive on: straight to the server, not through a pooler. undefined: poll. */
  readonly connection: PostgresConnection | undefined
  readonly log: Log
}

/** Opens one listening session for the process, in the background; until it is there, waits are short. */
export function openJobSignals({ db, connection, log }: JobSignalsOptions): JobSignals {
  const waiting = new Map<string, Set<() => void>>()
  let isListening = false

  const wake = (name: string) => {
    for (const waiter of waiting.get(name) ?? []) waiter()
  }
  const wait = (name: string, signal: AbortSignal, atMostMs: number) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve()
      const waiters = waiting.get(name) ?? new Set()
      waiting.set(name, waiters)
      const over = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', over)
        waiters.delete(over)
        if (waiters.size === 0 && waiting.get(name) === waiters) waiting.delete(name)
        resolve()
      }
      const timer = setTimeout(over, isListening ? atMostMs : Math.min(atMostMs, POLL_MS))
      signal.addEventListener('abort', over, { once: true })
      waiters.add(over)
    })

  const listener =
    connection &&
    listen({
      connection,
      channels: [QUEUED_CHANNEL, CHANGED_CHANNEL],
      onNotification: (channel, payload) => wake(channel === QUEUED_CHANNEL ? channel : payload),
      onState: (state) => {
        isListening = state
        for (const name of [...waiting.keys()]) wake(name) // something may have been missed
      },
      notify: (channel, payload) => sql`select pg_notify(${channel}, ${payload})`.execute(db),
      log,
    })
  return {
    get isListening() {
      return isListening
    },
    waitForQueued: (signal, atMostMs) => wait(QUEUED_CHANNEL, signal, atMostMs),
    waitForChange: (jobId, signal, atMostMs) => wait(jobId, signal, atMostMs),
    [Symbol.asyncDispose]: async () => {
      await listener?.[Symbol.asyncDispose]()
    },
  }
}
