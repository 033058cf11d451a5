// A poll that may wait: the job as it is now, or as it is when it has ended or the wait is over.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Job } from '../jobs/job.ts'
import { abortTogether } from '../synthesis/abort-together.ts'
import { waitForJob } from '../synthesis/wait-for-job.ts'
import { watchCaller } from './caller-gone.ts'
import type { Services } from './services.ts'

/**
 * undefined: there is none, it has expired, or it is another account's. A server that begins to stop ends the wait early, with the job as it
 * is then: its caller asks again, elsewhere. Throws CallerGone.
 */
export async function awaitEnd(
  { db, signals, health: { draining } }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  { accountId, id }: Pick<Job, 'accountId' | 'id'>,
  waitSeconds: number,
): Promise<Job | undefined> {
  const { closing } = request.server
  using watch = watchCaller(reply)
  using stop = abortTogether(watch.signal, draining, closing)
  const wait = (seconds: number, signal: AbortSignal) =>
    waitForJob({ db, signals }, { accountId, id, untilMs: performance.now() + seconds * 1000 }, signal)
  try {
    return await wait(waitSeconds, stop.signal)
  } catch (error) {
    if (!draining.aborted && !closing.aborted) throw error
    return await wait(0, watch.signal)
  }
}
