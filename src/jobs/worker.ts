// A worker: claims jobs into its free slots, keeps their leases while a task works on them, and gives back what it cannot finish. What is
// done with a job is not its business.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { newId } from '../storage/ids.ts'
import type { Database } from '../storage/postgres.ts'
import { type ClaimedJob, claimJobs } from './claim.ts'
import { releaseJob, renewLease } from './lease.ts'
import { countQueued } from './queue.ts'
import type { JobSignals } from './signals.ts'
import { forgetWorker, seenWorker, type WorkerFacts } from './workers.ts'

/** A job whose lease runs out goes back to the queue; it is renewed three times within that time. */
export const LEASE_SECONDS = 15
const RENEW_EVERY_MS = (LEASE_SECONDS * 1000) / 3
// Every sign of a change is answered by a renewal, which reads whether the job is to be cancelled; these come in no quicker succession.
const RENEW_AT_MOST_EVERY_MS = 250
const LOOK_AGAIN_MS = 1000
const SEEN_EVERY_MS = 5000
const RETRY_SECONDS_PER_ATTEMPT = 2

export interface JobLease {
  readonly token: string
  /**
   * True when a sync job waits and no slot is free: an async job that is asked to, once it has kept the pieces it has, releases itself
   * without counting the attempt. Asks as many jobs as there are sync ones waiting; ask it only when you mean to follow.
   */
  shouldYield(): boolean
}

/**
 * Works on one job and ends it: completes, fails or releases it. Rejects with the signal's reason, a JobStopped, when it has stopped because
 * of the signal; whatever else it rejects with counts as a crash, after which the job is tried again.
 */
export type Task = (job: ClaimedJob, lease: JobLease, signal: AbortSignal) => Promise<void>

/** Why a task is to stop: the job was cancelled, belongs to somebody else, or its worker is shutting down. */
export class JobStopped extends Error {
  readonly why: 'cancelled' | 'lost' | 'shutdown'

  constructor(why: 'cancelled' | 'lost' | 'shutdown') {
    super(`The job is to stop: ${why}`)
    this.name = 'JobStopped'
    this.why = why
  }
}

export interface WorkerOptions {
  readonly db: Database
  readonly signals: JobSignals
  /** Jobs at the same time. */
  readonly slots: number
  /** Async ones among them; default: one less, at least one, so that a sync job need not wait for a piece to end. */
  readonly asyncSlots?: number | undefined
  readonly describe: Pick<WorkerFacts, 'host' | 'model' | 'version'>
  readonly task: Task
  /** Follows each run, whether its job has ended or waits again. Must not reject. */
  readonly afterRun?: ((job: ClaimedJob) => Promise<void>) | undefined
  readonly log: Log
}

export interface Worker extends AsyncDisposable {
  readonly id: string
  /** Jobs that it works on. */
  readonly running: number
  /** Claims nothing more and finishes what runs; what is left when `signal` is aborted stops and goes back to the queue, its attempt not counted. */
  drain(signal: AbortSignal): Promise<void>
}

interface Run {
  readonly job: ClaimedJob
  readonly stop: AbortController
  isYielding: boolean
}

/** Starts to claim. Disposing drains at once: what runs is stopped and put back. */
export function startWorker(options: WorkerOptions): Worker {
  const { db, signals, slots, log } = options
  const asyncSlots = options.asyncSlots ?? Math.max(1, slots - 1)
  const facts: WorkerFacts = { id: newId(), slots, ...options.describe }
  const runs = new Map<Run, Promise<void>>()
  const draining = new AbortController()
  let wake = () => {} // the claiming loop, when a slot has become free
  let yieldsWanted = 0

  const start = (job: ClaimedJob) => {
    const run: Run = { job, stop: new AbortController(), isYielding: false }
    const shouldYield = () => {
      if (run.isYielding || job.mode !== 'async' || yieldsWanted === 0) return run.isYielding
      yieldsWanted -= 1
      run.isYielding = true
      return true
    }
    const ended = runJob(options, run, { token: job.leaseToken, shouldYield }).finally(() => {
      runs.delete(run)
      wake()
    })
    runs.set(run, ended)
  }

  const claimOnce = async (): Promise<boolean> => {
    const free = slots - runs.size
    const running = [...runs.keys()]
    const asyncRunning = running.filter(({ job }) => job.mode === 'async')
    if (free === 0) {
      const waiting = asyncRunning.length > 0 ? await countQueued(db, 'sync', slots) : 0
      yieldsWanted = Math.max(0, waiting - asyncRunning.filter(({ isYielding }) => isYielding).length)
      return false
    }
    yieldsWanted = 0
    const asyncFree = Math.max(0, asyncSlots - asyncRunning.length)
    const jobs = await claimJobs(db, {
      workerId: facts.id,
      slots: free,
      asyncSlots: asyncFree,
      leaseSeconds: LEASE_SECONDS,
    })
    for (const job of jobs) start(job)
    return jobs.length > 0
  }

  const claimAll = async () => {
    while (!draining.signal.aborted) {
      const waiting = new AbortController()
      const freed = new Promise<void>((resolve) => {
        wake = resolve
      })
      const stopped = () => waiting.abort()
      draining.signal.addEventListener('abort', stopped, { once: true })
      const queued = signals.waitForQueued(waiting.signal, LOOK_AGAIN_MS)
      try {
        if (!(await claimOnce())) await Promise.race([queued, freed])
      } catch (error) {
        log.warn({ err: error }, 'no jobs could be claimed; it will be tried again')
        await queued
      } finally {
        waiting.abort()
        draining.signal.removeEventListener('abort', stopped)
      }
    }
  }

  const beSeen = async () => {
    while (!draining.signal.aborted) {
      await seenWorker(db, facts).catch((error) =>
        log.warn({ err: error }, 'this worker could not say that it is there'),
      )
      await sleep(SEEN_EVERY_MS, undefined, { signal: draining.signal }).catch(() => {})
    }
  }

  // Claims read the model from the worker's row.
  const seen = beSeen()
  const claiming = seenWorker(db, facts)
    .catch(() => {})
    .then(claimAll)

  const drain = async (signal: AbortSignal) => {
    draining.abort()
    await claiming
    const stopAll = () => {
      for (const { stop } of runs.keys()) stop.abort(new JobStopped('shutdown'))
    }
    if (signal.aborted) stopAll()
    else signal.addEventListener('abort', stopAll, { once: true })
    await Promise.all(runs.values())
    signal.removeEventListener('abort', stopAll)
    await seen
    await forgetWorker(db, facts.id).catch(() => {}) // it will be seen to be gone
  }
  return {
    id: facts.id,
    get running() {
      return runs.size
    },
    drain,
    [Symbol.asyncDispose]: () => drain(AbortSignal.abort()),
  }
}

/** Never rejects. */
async function runJob(
  { db, signals, task, afterRun, log }: WorkerOptions,
  { job, stop }: Run,
  lease: JobLease,
): Promise<void> {
  const { id, leaseToken, attempt } = job
  const ended = new AbortController()
  const kept = keepLease(db, signals, job, stop, ended.signal)
  const putBack = (release: { countAttempt: boolean; delaySeconds: number }) =>
    releaseJob(db, { id, leaseToken, ...release }).catch((error) => {
      log.warn({ err: error, requestId: id }, 'a job could not be put back: it waits until its lease has run out')
    })
  try {
    await task(job, lease, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) {
      log.error({ err: error, requestId: id, attempt }, 'a job has crashed')
      await putBack({ countAttempt: true, delaySeconds: attempt * RETRY_SECONDS_PER_ATTEMPT })
    }
  }
  ended.abort()
  await kept
  // Cancelled, this is what ends it; where the task has ended it after all, nothing happens.
  const { reason } = stop.signal
  if (reason instanceof JobStopped && reason.why !== 'lost') await putBack({ countAttempt: false, delaySeconds: 0 })
  await afterRun?.(job)
}

/** Renews until `ended`; aborts `stop` when the job is cancelled or lost. Never rejects. */
async function keepLease(
  db: Database,
  signals: JobSignals,
  { id, leaseToken }: ClaimedJob,
  stop: AbortController,
  ended: AbortSignal,
): Promise<void> {
  let change = signals.waitForChange(id, ended, RENEW_EVERY_MS)
  while (!ended.aborted) {
    await change
    if (ended.aborted) return
    change = signals.waitForChange(id, ended, RENEW_EVERY_MS) // what changes during the renewal, or the pause after it, is not missed
    // A renewal that cannot reach the database decides nothing: whatever the task commits is fenced by the lease itself.
    const outcome = await renewLease(db, { id, leaseToken, leaseSeconds: LEASE_SECONDS }).catch(() => 'kept')
    if (outcome !== 'kept') return stop.abort(new JobStopped(outcome === 'lost' ? 'lost' : 'cancelled'))
    await sleep(RENEW_AT_MOST_EVERY_MS, undefined, { signal: ended }).catch(() => {})
  }
}
