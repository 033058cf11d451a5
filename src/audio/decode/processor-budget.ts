// How much processor time one file may cost, whoever works on it. Time on the clock says nothing about a file: on a crowded machine a good
// one takes minutes. Only a decoder that has had its time is stopped on the file's account.
import { AppError } from '../../errors.ts'
import { AudioInputError } from '../audio-input-error.ts'

const LOOK_AT_MOST_EVERY_MS = 250
const RETRY_AFTER_SECONDS = 5

/** The processor time that a decoder has had so far, in ms; undefined where nobody knows, or no longer. */
export type CpuClock = () => number | undefined

export interface ProcessorBudget extends Disposable {
  /** Aborted with an AudioInputError `too_slow` when the time is used up, with an AppError `unavailable` when there was none to use. */
  readonly signal: AbortSignal
  /** Charges a decoder's time to the budget until disposed of. */
  charge(clock: CpuClock): Disposable
  /** Throws where a decoder that is done has had more than there was, so that it does not depend on who looked when. */
  settle(): void
}

export interface Budget {
  /** Processor time, in ms: a file that needs more is refused. */
  readonly cpuMs: number
  /** On the clock. A decoder that has not had its time by then holds a place that others wait for: its caller comes back later. */
  readonly clockMs?: number
}

const CLOCK_MS = 120_000

/** `outer` aborts the budget's signal, too, with its own reason. */
export function startBudget({ cpuMs, clockMs = CLOCK_MS }: Budget, outer: AbortSignal): ProcessorBudget {
  // Not AbortSignal.any(): on Node 20 what listens to such a signal stays in memory until it is aborted, mostly for ever.
  const stop = new AbortController()
  const onAbort = () => stop.abort(outer.reason)
  outer.addEventListener('abort', onAbort)
  if (outer.aborted) onAbort()
  const startedAt = performance.now()
  const charges = new Set<{ clock: CpuClock; spentMs: number }>()
  let endedMs = 0
  const spent = () => {
    for (const charge of charges) charge.spentMs = charge.clock() ?? charge.spentMs
    return [...charges].reduce((sum, { spentMs }) => sum + spentMs, endedMs)
  }
  const look = () => {
    if (spent() >= cpuMs) stop.abort(tooSlow())
    else if (performance.now() - startedAt >= clockMs) stop.abort(noProcessor())
  }
  const timer = setInterval(look, Math.min(LOOK_AT_MOST_EVERY_MS, Math.max(1, cpuMs / 4)))
  return {
    signal: stop.signal,
    settle() {
      if (spent() >= cpuMs) throw tooSlow()
    },
    charge(clock) {
      const charge = { clock, spentMs: 0 }
      charges.add(charge)
      return {
        [Symbol.dispose]: () => {
          charges.delete(charge)
          endedMs += charge.clock() ?? charge.spentMs
        },
      }
    },
    [Symbol.dispose]: () => {
      clearInterval(timer)
      outer.removeEventListener('abort', onAbort)
    },
  }
}

/**
 * Where the system does not tell what a thread has had: its share of what this process has had, if that was shared evenly among `threads`
 * that decode and the one that serves.
 */
export function estimateCpu(threads: () => number): CpuClock {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000 / (threads() + 1)
  }
}

const tooSlow = () =>
  new AudioInputError('too_slow', 'The recording takes too long to decode; shorten it or send it as WAV.')

const noProcessor = () =>
  new AppError('unavailable', 'The server is too busy to decode the recording; try again later.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
