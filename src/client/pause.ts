// A pause that an AbortSignal cuts short.

export type Pause = (ms: number, signal: AbortSignal | undefined) => Promise<void>

/** Throws the signal's reason when it fires, at once where it has already. */
export const pause: Pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      if (signal?.aborted) reject(signal.reason)
      else resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end, { once: true })
  })
