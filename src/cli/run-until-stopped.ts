// A program that runs until somebody asks it to stop: once politely, a second time at once.
import type { Log } from '../log.ts'

/** Starts, waits for SIGINT or SIGTERM, and closes what was started. A signal that comes during the start is not lost. */
export async function runUntilStopped(log: Log, start: () => Promise<AsyncDisposable>): Promise<void> {
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const running = await start()
  const signal = await stopped
  log.info({ signal }, 'stopping; once more to stop at once')
  const insist = () => process.exit(1)
  process.once('SIGINT', insist)
  process.once('SIGTERM', insist)
  await running[Symbol.asyncDispose]()
  log.info('stopped')
}
