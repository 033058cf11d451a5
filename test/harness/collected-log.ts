// For what logs and is asked about it.
import { pino } from 'pino'
import type { Log } from '../../src/log.ts'

/** A log, and its lines from `level` up as they are written. */
export function collectLog(level: 'info' | 'warn' | 'error'): { log: Log; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  return { log: pino({ level, base: null }, { write: (line: string) => lines.push(JSON.parse(line)) }), lines }
}
