// A piece of low latency in the middle of being spoken.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { findParts } from '../../src/jobs/pieces.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { type ScratchApp, withResolvers } from './scratch-app.ts'

/** The first piece gets no further than `chunk`, until it is let go or stopped; a `dead` engine hears of nothing, and keeps its worker's place. */
export function holdFirstPiece({ engine }: ScratchApp, chunk: number, { dead = false } = {}) {
  const [reached, opened] = [withResolvers(), withResolvers()]
  engine.beforeChunk = async (piece, at, signal) => {
    if (piece.index > 0 || at < chunk) return
    reached.resolve()
    const stopped = new Promise((done) => signal.addEventListener('abort', done, { once: true }))
    await (dead ? opened.promise : Promise.race([opened.promise, stopped]))
  }
  const letGo = () => {
    engine.beforeChunk = () => {}
    opened.resolve()
  }
  return { reached: reached.promise, letGo }
}

/** Takes the job from its worker once four parts of it are there. */
export async function loseWorker(db: Database, id: string): Promise<void> {
  while ((await findParts(db, id, { index: 0, part: 0 })).length < 4) await sleep(5)
  do await sql`update jobs set lease_until = now() - interval '1 minute' where id = ${id}`.execute(db)
  while (!(await requeueAbandonedJobs(db)).some((requeued) => requeued.id === id))
}
