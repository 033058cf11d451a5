// Riding out a database that restarts, fails over or is full for a moment.
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../errors.ts'
import { isForgotten } from './prepared-statements.ts'

// Shutting down, crashed, starting up; serialisation failure, deadlock; too many connections. Class 08 is "connection exception".
const TRANSIENT_STATES = new Set(['57P01', '57P02', '57P03', '40001', '40P01', '53300'])
const TRANSIENT_SYSTEM_ERRORS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENOTCONN'])
// pg gives its own errors no code.
const TRANSIENT_MESSAGES =
  /^Connection terminated|^timeout exceeded when trying to connect|^Query read timeout$|not queryable$/

/** True for errors that a repetition may cure; whether the statement has happened is not known. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (isForgotten(error)) return true
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined) return TRANSIENT_MESSAGES.test(error.message)
  if (code.startsWith('08') || TRANSIENT_STATES.has(code) || TRANSIENT_SYSTEM_ERRORS.has(code)) return true
  return code === 'ENOENT' && syscall === 'connect' // the socket file of an embedded database that is being restarted
}

// An embedded database that was killed is back within 2 s, a managed one fails over within 10–20 s.
const GIVE_UP_AFTER_SECONDS = 20

/**
 * Runs a statement until the database has answered it. Only for statements that do no harm when they run twice, because the first answer
 * may have been lost: reads, and writes that are fenced or keyed so that the second run finds its own work.
 * Throws AppError `unavailable` when the database stays away.
 */
export async function retryTransient<T>(statement: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + GIVE_UP_AFTER_SECONDS * 1000
  for (;;) {
    try {
      return await statement()
    } catch (error) {
      if (!isTransient(error)) throw error
      if (performance.now() > giveUpAt) {
        throw new AppError('unavailable', 'Service temporarily unavailable', { retryAfterSeconds: 5, cause: error })
      }
      await sleep(50 + Math.random() * 100)
    }
  }
}
