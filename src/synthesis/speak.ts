// A paid request as its gateway sees it: submit, wait for whoever speaks it, read what has become of it. It never meets a worker: the
// database and the blob store are all that is between them.
import { setMaxListeners } from 'node:events'
import { formatOfMediaType } from '../audio/formats.ts'
import { findBalance } from '../billing/accounts.ts'
import type { Config } from '../config.ts'
import { AppError, invariant } from '../errors.ts'
import { attendForGood, createAttendance } from '../jobs/attendance.ts'
import { cancelJob } from '../jobs/cancel.ts'
import type { CompletedJob, Job, OpenJob } from '../jobs/job.ts'
import type { JobSignals } from '../jobs/signals.ts'
import { forgetInput } from '../jobs/sweep.ts'
import { abortTogether } from './abort-together.ts'
import { followJob } from './follow-job.ts'
import type { Caller, Speaker, Speech, SpeechFacts, SpeechRequest } from './speech.ts'
import { failureOf, firstSound, openStream, unavailable } from './stream.ts'
import { type SubmitDeps, submitSpeech } from './submit-speech.ts'
import { waitForJob } from './wait-for-job.ts'

/** A machine that comes up for the request that waits is there within this time; whoever asks again may find it. */
const NO_WORKER_RETRY_SECONDS = 10

export interface SpeakerDeps extends SubmitDeps {
  readonly config: SubmitDeps['config'] & Pick<Config, 'REQUEST_TIMEOUT_SECONDS'>
  readonly signals: JobSignals
}

export interface DrainableSpeaker extends Speaker {
  /** Refuses new requests and waits for those in flight; what is left when `signal` fires is cancelled and released. */
  drain(signal: AbortSignal): Promise<void>
}

export function createSpeaker(deps: SpeakerDeps): DrainableSpeaker {
  const inFlight = new Set<Promise<unknown>>()
  const attendance = createAttendance(deps.db, deps.log)
  const shutdown = new AbortController()
  setMaxListeners(0, shutdown.signal) // each request in flight listens
  let draining = false

  const track = <T>(work: Promise<T>): Promise<T> => {
    inFlight.add(work)
    work.catch(() => {}).finally(() => inFlight.delete(work))
    return work
  }
  /** Frees hold and worker. Nobody waits for it who has an answer to give. */
  const cancel = (caller: Caller, id: string): Promise<Job | undefined> => {
    const cancelling = track(cancelAndForget(deps, caller, id))
    cancelling.catch((err: unknown) => deps.log.warn({ err, id }, 'a job that nobody waits for could not be cancelled'))
    return cancelling
  }

  const speak = async (request: SpeechRequest, caller: Caller, requestId: string, signal: AbortSignal) => {
    const untilMs = performance.now() + deps.config.REQUEST_TIMEOUT_SECONDS * 1000
    using stop = abortTogether(signal, shutdown.signal)
    for (;;) {
      stop.signal.throwIfAborted()
      if (draining) throw unavailable(2)
      const submitted = await submitSpeech(deps, request, caller, requestId, { mode: 'sync' })
      const { id } = submitted.job
      const isOurs = submitted.kind === 'added'
      using _attended = request.idempotency ? undefined : attendance.attend(id)
      let job: Job | undefined
      try {
        job = await waitForJob(deps, { accountId: caller.accountId, id, untilMs }, stop.signal)
      } catch (error) {
        const cancelling = isOurs ? cancel(caller, id).catch(() => {}) : undefined
        if (stop.signal.aborted) await cancelling
        throw error
      }
      if (job?.state === 'completed') return await readSpeech(deps, job, !isOurs)
      if (job?.state === 'queued' || job?.state === 'running') {
        if (isOurs && !job.startedAt) void cancel(caller, id).catch(() => {})
        if (job.startedAt) await attendForGood(deps.db, id)
        throw tooLate(job)
      }
      // Of the same request by somebody else, only the success is shared: its key is free, and this one tries for itself.
      if (isOurs) throw endOf(job)
    }
  }

  const stream: Speaker['stream'] = async (request, caller, requestId, signal, deliver) => {
    const askedAtMs = performance.now()
    const patienceMs = deps.config.REQUEST_TIMEOUT_SECONDS * 1000
    using stop = abortTogether(signal, shutdown.signal)
    for (;;) {
      stop.signal.throwIfAborted()
      if (draining) throw unavailable(2)
      const submitted = await submitSpeech(deps, request, caller, requestId, { mode: 'sync', stream: true })
      const { id } = submitted.job
      const isOurs = submitted.kind === 'added'
      using _attended = request.idempotency ? undefined : attendance.attend(id)
      const following = followJob(deps, { accountId: caller.accountId, id, patienceMs }, stop.signal)
      let goesOn = false
      try {
        const first = await firstSound(following)
        if (!first.done) return await deliver(openStream(deps, submitted, first.value, following, askedAtMs))
        const job = first.value
        if (job?.state === 'completed') throw forgotten()
        if (job?.state === 'queued' || job?.state === 'running') {
          goesOn = job.startedAt !== undefined
          if (goesOn) await attendForGood(deps.db, id)
          throw tooLate(job)
        }
        if (isOurs) throw job?.state === 'failed' ? failureOf(job) : unavailable(1)
      } finally {
        void following.return(undefined)
        // One that has ended stays as it is.
        const cancelling = isOurs && !goesOn ? cancel(caller, id).catch(() => {}) : undefined
        if (stop.signal.aborted) await cancelling
      }
    }
  }

  return {
    speak: (...request) => track(speak(...request)),
    stream: (...request) => track(stream(...request)),
    async drain(signal) {
      draining = true
      const abort = () => shutdown.abort(unavailable(2))
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      while (inFlight.size > 0) await Promise.allSettled(inFlight)
    },
  }
}

/** The recording of one that nobody has begun goes as well; of one that runs, its worker sees to it. */
async function cancelAndForget(deps: SpeakerDeps, { accountId }: Caller, id: string): Promise<Job | undefined> {
  const job = await cancelJob(deps.db, accountId, id)
  if (job?.state === 'cancelled') await forgetInput(deps, job)
  return job
}

const forgotten = () => new AppError('not_found', 'This output was made, sent and deleted, as was asked for.')

/** At the deadline: what is being spoken goes on and can be fetched, what nobody has begun will not be. */
function tooLate(job: OpenJob): AppError {
  if (!job.startedAt) return unavailable(NO_WORKER_RETRY_SECONDS)
  return new AppError('timeout', 'Request timed out', { requestId: job.id })
}

/** Why a job of ours has come to no result. */
function endOf(job: Job | undefined): AppError {
  if (job?.state === 'failed') return failureOf(job)
  // Not by us: whoever else has a key of the account has cancelled it, or the operator has.
  if (job?.state === 'cancelled') return new AppError('cancelled', 'The request was cancelled. Nothing was charged.')
  return unavailable(1)
}

/** A completed job with its bytes. */
async function readSpeech({ db, blobs }: SpeakerDeps, job: CompletedJob, replayed: boolean): Promise<Speech> {
  const { output } = job
  const [bytes, balance] = await Promise.all([blobs.read(output.blobKey), findBalance(db, job.accountId)])
  if (!bytes) throw forgotten()
  const format = formatOfMediaType(output.mediaType)
  invariant(format, `job ${job.id} has an output of type ${output.mediaType}`)
  const facts = job.result as SpeechFacts // perform-job.ts writes it with the job
  return {
    ...facts,
    coldStart: replayed ? 'none' : facts.coldStart,
    requestId: job.id,
    bytes,
    mediaType: output.mediaType,
    format,
    costMicro: job.chargeMicro,
    remainingMicro: balance?.balanceMicro ?? 0,
    outputToken: output.token,
    expiresAt: job.expiresAt,
    replayed,
  }
}
