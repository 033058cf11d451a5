// Whoever sits at the command line, as the audit log names them, and what the commands of an operator share.
import os from 'node:os'
import { InvalidArgumentError, Option } from 'commander'
import type { Operator } from '../admin/audit-log.ts'
import type { Database } from '../storage/postgres.ts'

export const operatorAt = (db: Database): Operator => ({ db, actor: `cli:${userName()}@${os.hostname()}` })

/** A container may have a user without a name. */
function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

export const jsonOption = (): Option => new Option('--json', 'print the JSON that the API answers')
export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))

/** A whole number from `least` on. */
export const wholeNumber =
  (least: number) =>
  (value: string): number => {
    const number = Number(value)
    if (value.trim() === '' || !Number.isInteger(number) || number < least || number > 1_000_000)
      throw new InvalidArgumentError(`It must be a whole number between ${least} and 1000000.`)
    return number
  }

/** As `wholeNumber`, or `default`: the setting of the server. */
export const wholeNumberOrDefault =
  (least: number) =>
  (value: string): number | 'default' =>
    value === 'default' ? value : wholeNumber(least)(value)

/** As the database has it: null is the setting of the server. (commander takes null for no value.) */
export const nullForDefault = (value: number | 'default' | undefined): number | null | undefined =>
  value === 'default' ? null : value

/** A line of at most `most` characters. */
export const lineOfText =
  (most: number) =>
  (value: string): string => {
    if (value.trim() === '' || [...value].length > most || /\p{Cc}|\p{Surrogate}/u.test(value))
      throw new InvalidArgumentError(`It must be 1 to ${most} characters, none of them a control character.`)
    return value
  }

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `2h`, `7d` ago, or a time of ISO 8601. */
export function timeArgument(value: string): Date {
  const [, amount, unit = ''] = /^(\d{1,6})([mhd])$/.exec(value) ?? []
  const date = amount === undefined ? new Date(value) : new Date(Date.now() - Number(amount) * (UNITS_MS[unit] ?? 0))
  const isIso = amount !== undefined || /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(value)
  if (!isIso || Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('It must be 30m, 2h or 7d ago, or a time such as 2026-11-22T10:00:00Z.')
  return date
}

export const retentionOption = (): Option =>
  new Option(
    '--retention <kind>',
    'of requests that do not say themselves; none: nothing is kept after delivery',
  ).choices(['normal', 'none'])

export const day = (date: Date): string => date.toISOString().slice(0, 10)
export const minute = (date: Date): string => `${date.toISOString().slice(0, 16).replace('T', ' ')}Z`

/** `42 s`, `12 min`, `5 h`, `3 d`. */
export function age(date: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - date.getTime()) / 1000))
  if (seconds < 100) return `${seconds} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}
