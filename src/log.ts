// One logger. Secrets never reach it: request headers are not logged, and what looks like a credential is redacted.
import { type Logger, pino } from 'pino'
import type { Config } from './config.ts'

export type Log = Logger

const REDACTED = ['key', 'apiKey', 'authorization', '*.key', '*.apiKey', '*.authorization', '*["x-api-key"]']

/** Logs go to standard error: standard output belongs to results (`chatterbox speak -o -`). */
export function createLog(config: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'>): Log {
  const pretty = config.LOG_FORMAT === 'pretty' || (config.LOG_FORMAT === 'auto' && process.stderr.isTTY)
  const options = { level: config.LOG_LEVEL, base: null, redact: REDACTED }
  return pretty
    ? pino({
        ...options,
        transport: {
          target: 'pino-pretty',
          options: { destination: 2, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' },
        },
      })
    : pino(options, pino.destination(2))
}
