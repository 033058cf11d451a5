// Who may send the next piece to the engine. A request with nothing there never waits, so it has its first piece in before anyone gets
// a second; what the engine can do beside that is filled with later pieces of whoever has the fewest in.

/** A request's part in it. */
export interface PieceLine {
  /** Waits until a piece may begin. First come, first served within a line. Throws the signal's reason when it is aborted. */
  enter(signal: AbortSignal): Promise<Disposable>
}

export interface PieceGate {
  /** `places`: as many pieces may be in, of whatever request, for this one to send its second or a later one. */
  join(places: number): PieceLine
}

interface Line {
  readonly places: number
  /** Pieces that are in. */
  inside: number
}

interface Waiter {
  readonly line: Line
  readonly enter: () => void
}

export function createPieceGate(): PieceGate {
  const waiters: Waiter[] = []
  let inside = 0

  const place = (line: Line): Disposable => {
    inside++
    line.inside++
    let left = false
    return {
      [Symbol.dispose]: () => {
        if (left) return
        left = true
        inside--
        line.inside--
        admit()
      },
    }
  }
  const admit = (): void => {
    for (let next = nextOf(waiters, inside); next; next = nextOf(waiters, inside)) next.enter()
  }

  return {
    join: (places) => {
      const line: Line = { places, inside: 0 }
      return {
        enter: (signal) =>
          new Promise((resolve, reject) => {
            if (signal.aborted) return reject(signal.reason)
            const leave = () => {
              waiters.splice(waiters.indexOf(waiter), 1)
              signal.removeEventListener('abort', abort)
            }
            const abort = () => {
              leave()
              reject(signal.reason)
            }
            const enter = () => {
              leave()
              resolve(place(line))
            }
            const waiter: Waiter = { line, enter }
            signal.addEventListener('abort', abort, { once: true })
            waiters.push(waiter)
            admit()
          }),
      }
    },
  }
}

/** Whoever has nothing in; else, where there is room, the first of those who have the fewest in. */
function nextOf(waiters: readonly Waiter[], inside: number): Waiter | undefined {
  const admissible = waiters.filter(({ line }) => line.inside === 0 || inside < line.places)
  const fewest = Math.min(...admissible.map(({ line }) => line.inside))
  return admissible.find(({ line }) => line.inside === fewest)
}
