// The embedded default: a real PostgreSQL in DATA_DIR, made on the first start, shared by all our processes on that folder, kept
// running while one of them lives, stopped by the last one. Needs no set-up and no network.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { prepareBinaries } from './embedded/binaries.ts'
import { ensureCluster } from './embedded/cluster.ts'
import { findPlace } from './embedded/identity.ts'
import { createPostmaster } from './embedded/postmaster.ts'
import type { PostgresConnection, Session } from './postgres.ts'
import { isTransient } from './transient.ts'

// Each process holds this advisory lock, shared, while it uses the database; whoever can take it alone is the last.
const IN_USE_LOCK = 0x63626f78
const RESTART_PAUSE_MS = 1000

export interface EmbeddedPostgres {
  readonly connection: PostgresConnection
  /**
   * Ends our use of the database. The last process on the folder stops the server; otherwise it runs on for the others.
   * Close pools first: a stopping server cuts what is open.
   */
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL server of `<dataDir>/postgres`, or joins the one that runs there: left by a process that was killed, or in use by
 * another process of ours. When the server dies while we run, it is started again; queries meanwhile fail as transient.
 * Throws plain errors that say what to do when there is no PostgreSQL for this platform or the folder cannot be used.
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  log: Log,
  options: { readonly rootFallback?: string } = {},
): Promise<EmbeddedPostgres> {
  const place = await findPlace(dataDir, options.rootFallback)
  const binaries = await prepareBinaries(place)
  const postmaster = await createPostmaster(place, binaries, await ensureCluster(place, binaries))
  let stopping = false
  let requestStop = () => {}
  const stopRequested = new Promise<void>((resolve) => {
    requestStop = resolve
  })

  const join = async (): Promise<Session> => {
    for (;;) {
      const session = await postmaster.connect()
      try {
        await session.query('select pg_advisory_lock_shared($1)', [IN_USE_LOCK])
        return session
      } catch {
        await session.close().catch(() => {}) // the last user before us is stopping the server at this moment
      }
    }
  }

  const rejoin = async (): Promise<Session | undefined> => {
    for (;;) {
      try {
        return await join()
      } catch (error) {
        log.error({ err: error }, 'the embedded database could not be started again')
        if (stopping) return undefined
        await sleep(RESTART_PAUSE_MS)
      }
    }
  }

  /** Runs until `stop`; returns the session on the running server then, if it does run. */
  const keep = async (first: Session): Promise<Session | undefined> => {
    let session: Session | undefined = first
    while (session) {
      await Promise.race([session.ended, stopRequested])
      if (stopping) return session
      log.warn('the embedded database is gone; starting it again')
      session = await rejoin()
      if (session) log.info('the embedded database is back')
    }
    return undefined
  }

  const kept = keep(await join())
  return {
    connection: postmaster.connection,
    stop: async () => {
      stopping = true
      requestStop()
      const session = await kept
      if (!session) return
      try {
        await session.query('select pg_advisory_unlock_shared($1)', [IN_USE_LOCK])
        const [row] = await session.query<{ last: boolean }>('select pg_try_advisory_lock($1) as last', [IN_USE_LOCK])
        if (row?.last) await postmaster.shutDown()
      } catch (error) {
        if (!isTransient(error)) throw error // the server has died meanwhile: nothing to stop
      } finally {
        await session.close().catch(() => {})
      }
    },
  }
}
