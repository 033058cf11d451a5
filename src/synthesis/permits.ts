// Bounded admission: so many requests run, so many wait, one more is refused before any work. First come, first served.
import { AppError } from '../errors.ts'

export interface Permits {
  /**
   * Waits for a place. The returned permit must be disposed.
   * Throws AppError `overloaded` at once when the waiting room is full, and the signal's reason when it is aborted while waiting.
   */
  acquire(signal: AbortSignal): Promise<Disposable>
  readonly running: number
  readonly waiting: number
}

export function createPermits(limits: { readonly running: number; readonly waiting: number }): Permits {
  let running = 0
  const waiters = new Set<() => void>()

  const permit = (): Disposable => {
    let released = false
    return {
      [Symbol.dispose]: () => {
        if (released) return
        released = true
        running -= 1
        const next = waiters.values().next().value
        next?.()
      },
    }
  }

  return {
    acquire: (signal) => {
      if (signal.aborted) return Promise.reject(signal.reason)
      if (running < limits.running) {
        running += 1
        return Promise.resolve(permit())
      }
      if (waiters.size >= limits.waiting) {
        return Promise.reject(
          new AppError('overloaded', 'The server is at its limit of requests. Try again shortly.', {
            retryAfterSeconds: 1,
          }),
        )
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(enter)
          reject(signal.reason)
        }
        const enter = () => {
          waiters.delete(enter)
          signal.removeEventListener('abort', leave)
          running += 1
          resolve(permit())
        }
        waiters.add(enter)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
    get running() {
      return running
    },
    get waiting() {
      return waiters.size
    },
  }
}
