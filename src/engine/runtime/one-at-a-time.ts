// Lets heavy work happen one task at a time: two decoders side by side would take twice the memory and no less time.

/** `urgent` goes before what is patient, up to PASSED_AT_MOST times in a row; among equals it is first come, first served. */
export type Urgency = 'urgent' | 'patient'

/** Otherwise many short requests would keep a long one waiting for ever. */
export const PASSED_AT_MOST = 4

export type OneAtATime = <T>(task: () => Promise<T>, signal: AbortSignal, urgency?: Urgency) => Promise<T>

/** A task whose signal is aborted before its turn is never begun. A failed task does not hold up the next. */
export function createOneAtATime(): OneAtATime {
  const waiting: Record<Urgency, (() => Promise<unknown>)[]> = { urgent: [], patient: [] }
  /** Urgent tasks begun since the last patient one, while one was waiting. */
  let passed = 0
  let running = false
  const takeNext = (): (() => Promise<unknown>) | undefined => {
    const isPatient = waiting.patient.length > 0 && (waiting.urgent.length === 0 || passed === PASSED_AT_MOST)
    passed = isPatient || waiting.patient.length === 0 ? 0 : passed + 1
    return waiting[isPatient ? 'patient' : 'urgent'].shift()
  }
  const runAll = async (): Promise<void> => {
    running = true
    for (;;) {
      const next = takeNext()
      if (!next) break
      await next().catch(() => {}) // its caller is told
    }
    running = false
  }
  return (task, signal, urgency = 'patient') =>
    new Promise((resolve, reject) => {
      waiting[urgency].push(async () => {
        try {
          signal.throwIfAborted()
          resolve(await task())
        } catch (error) {
          reject(error)
        }
      })
      if (!running) void runAll()
    })
}
