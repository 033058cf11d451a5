// One session that listens for notifications, for as long as a process lives. One loop owns it: reconnecting from event handlers as well
// would multiply sessions. Whether notifications arrive is tried, not believed: a pooler accepts LISTEN and drops what comes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { newId } from './ids.ts'
import { openSession, type PostgresConnection, type Session } from './postgres.ts'

const HEARTBEAT_CHANNEL = 'chatterbox_heartbeat'
const HEARTBEAT_EVERY_MS = 10_000
const HEARTBEAT_TIMEOUT_MS = 5_000
const RECONNECT_AFTER_MS = [100, 200, 500, 1000, 2000]
// A pooler stays one until somebody changes a setting.
const TRY_DEAF_AGAIN_MS = 60_000

export interface ListenOptions {
  readonly connection: PostgresConnection
  readonly channels: readonly string[]
  readonly onNotification: (channel: string, payload: string) => void
  /** Called with every change: true when notifications are proven to arrive, false when they may no longer. */
  readonly onState: (isListening: boolean) => void
  /** Sends a notification on another connection than the one that listens. */
  readonly notify: (channel: string, payload: string) => Promise<unknown>
  readonly log: Log
}

/** The session answers, and what is sent to it does not arrive. */
class Deaf extends Error {}

/** Connects by itself, and again whenever the session is lost or falls silent. Disposing ends the session. */
export function listen(options: ListenOptions): AsyncDisposable {
  const { log, onState } = options
  const stop = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: stop.signal }).catch(() => {})

  const run = async () => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      let wasListening = false
      try {
        await listenOnce(options, stop.signal, () => {
          wasListening = true
          failures = 0
          onState(true)
        })
      } catch (error) {
        const isDeaf = error instanceof Deaf && !wasListening
        if (isDeaf)
          log.warn(
            'notifications do not arrive through this database connection: polling instead; see DATABASE_LISTEN_URL',
          )
        else if (failures === 0)
          log.warn({ err: error }, 'no longer listening to the database: polling until that works again')
        if (wasListening) onState(false)
        await pause(isDeaf ? TRY_DEAF_AGAIN_MS : (RECONNECT_AFTER_MS[failures] ?? RECONNECT_AFTER_MS.at(-1) ?? 0))
      }
    }
  }
  const running = run()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}

/** Listens until told to stop; throws when the session is lost or silent. */
async function listenOnce(options: ListenOptions, stop: AbortSignal, onListening: () => void): Promise<void> {
  const heartbeats = new Map<string, () => void>()
  const session = await openSession(options.connection, {
    onNotification: (channel, payload) => {
      if (channel === HEARTBEAT_CHANNEL) heartbeats.get(payload)?.()
      else options.onNotification(channel, payload)
    },
  })
  const over = new AbortController()
  const end = () => over.abort()
  stop.addEventListener('abort', end, { once: true })
  session.ended.then(end)
  try {
    for (const channel of [HEARTBEAT_CHANNEL, ...options.channels]) await session.query(`listen ${channel}`)
    for (let isFirst = true; !over.signal.aborted; isFirst = false) {
      await beat(options, heartbeats, over.signal)
      if (over.signal.aborted) break
      if (isFirst) onListening()
      await sleep(HEARTBEAT_EVERY_MS, undefined, { signal: over.signal }).catch(() => {})
    }
    if (!stop.aborted) throw new Error('the listening session has ended')
  } finally {
    stop.removeEventListener('abort', end)
    await leave(session)
  }
}

/** Sends a notification around and waits for it. Throws when it does not come. */
async function beat(options: ListenOptions, heartbeats: Map<string, () => void>, signal: AbortSignal): Promise<void> {
  const name = newId()
  const waiting = new AbortController()
  const over = () => waiting.abort()
  signal.addEventListener('abort', over, { once: true })
  const late = sleep(HEARTBEAT_TIMEOUT_MS, true, { signal: waiting.signal }).catch(() => false)
  heartbeats.set(name, over)
  try {
    // Sent by a pool that may be waiting for its database: the deadline holds for that, too.
    const sent = options.notify(HEARTBEAT_CHANNEL, name).then(() => late)
    if (await Promise.race([sent, late])) throw new Deaf('a notification that was sent did not arrive')
  } finally {
    waiting.abort()
    heartbeats.delete(name)
    signal.removeEventListener('abort', over)
  }
}

async function leave(session: Session): Promise<void> {
  const closing = session.close().catch(() => {})
  const late = sleep(1000, undefined, { ref: false }).then(() => session.drop())
  await Promise.race([closing, late])
  session.drop()
  await session.ended
}
