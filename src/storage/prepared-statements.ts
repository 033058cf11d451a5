// Statements that PostgreSQL keeps prepared: parsed and planned once a connection instead of each time, which was a third of a request's
// time (docs/decisions/2026-11-30-prepared-statements.md). Poolers that hand out a connection for one transaction may not know them.
import { createHash } from 'node:crypto'
import type { Log } from '../log.ts'

/** The server has no statement of that name; or has it already, though this client has not prepared it. */
const OF_POOLERS = new Set(['26000', '42P05'])
/** Each takes memory of every connection's server process. Lists of many lengths make many texts of one statement. */
const MOST_NAMES = 500

/** Nothing has happened: the statement failed because of its name, and can be sent without it. */
export function isForgotten(error: unknown): boolean {
  return showsPooler(error) || isOutdated(error)
}

const showsPooler = (error: unknown): boolean => OF_POOLERS.has((error as { code?: string }).code ?? '')

/** A column has come or gone since the statement was prepared, as while another version of this program migrates. */
function isOutdated(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return code === '0A000' && /cached plan/.test(message ?? '')
}

export interface PreparedStatements {
  /** undefined: to be sent without one. */
  nameOf(text: string): string | undefined
  /** To be told of each failure that `isForgotten`: once one shows a pooler in between, no more names are given. */
  noteForgotten(error: unknown): void
}

/** The names of one pool's statements. A name is made of the text alone, so that it means the same on a connection that others use too. */
export function prepareStatements(log: Log | undefined): PreparedStatements {
  const names = new Map<string, string>()
  let isPooled = false
  return {
    nameOf: (text) => {
      if (isPooled) return undefined
      const known = names.get(text)
      if (known !== undefined || names.size >= MOST_NAMES) return known
      const name = createHash('sha256').update(text).digest('base64url') // 43 characters; PostgreSQL compares 63
      names.set(text, name)
      return name
    },
    noteForgotten: (error) => {
      if (isPooled || !showsPooler(error)) return
      isPooled = true
      log?.warn({ err: error }, 'a pooler forgets prepared statements; going on without')
    },
  }
}
