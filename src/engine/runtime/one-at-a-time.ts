// Lets heavy work happen one task at a time, first come first served: two decoders side by side would take twice the memory and no less time.

export type OneAtATime = <T>(task: () => Promise<T>, signal: AbortSignal) => Promise<T>

/** A task whose signal is aborted before its turn is never begun. A failed task does not hold up the next. */
export function createOneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve()
  return (task, signal) => {
    const mine = last.then(() => {
      signal.throwIfAborted()
      return task()
    })
    last = mine.catch(() => {})
    return mine
  }
}
