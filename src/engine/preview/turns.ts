// Takes of one thread in turn: whoever asks first goes first, and messages get through between two turns.

/** Resolves when it is the caller's turn; the turn lasts until the caller waits for something else. */
export type TakeTurn = (signal: AbortSignal) => Promise<void>

export function createTurns(): TakeTurn {
  let last = Promise.resolve()
  return async (signal) => {
    const mine = last.then(() => new Promise<void>((resolve) => setImmediate(resolve)))
    last = mine
    await mine
    signal.throwIfAborted()
  }
}
