// Comments in a stream of events while nothing happens: proxies and browsers close connections that are silent for half a minute.

const KEEP_ALIVE_EVERY_MS = 15_000
/** Read by nobody (HTML Standard, 9.2.6: a line that begins with a colon is ignored). */
export const KEEP_ALIVE = ': waiting\n\n'

/** Gives `events`, and a comment whenever none has come for `everyMs`. Ends, throws and is left with them. */
export async function* keepAlive(
  events: AsyncGenerator<string, void, void>,
  everyMs: number = KEEP_ALIVE_EVERY_MS,
): AsyncGenerator<string, void, void> {
  try {
    for (let next = events.next(); ; ) {
      const event = await orSilence(next, everyMs)
      if (event === undefined) yield KEEP_ALIVE
      else if (event.done) return
      else {
        yield event.value
        next = events.next() // not before: nothing is made faster than it is read
      }
    }
  } finally {
    await events.return()
  }
}

/** undefined: not within `ms`. */
function orSilence<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
