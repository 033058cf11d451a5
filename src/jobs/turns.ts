// The fair order of the queue: self-clocked fair queueing by characters. A job's turn is its account's last turn, or the clock where that
// is later, plus its characters; the least turn is next; the clock is the turn that was claimed last. Whoever was idle comes in at the
// clock: neither ahead of everybody with what it did not use, nor behind those who were busy long ago.
import { sql } from 'kysely'

/** The column of accounts that has the turn of the account's last job in a mode. */
export const TURNS = { sync: sql.ref('sync_turn'), async: sql.ref('async_turn') } as const

/** Sequences, because moving one takes no lock that lasts. Two claims at once may set it back by one job; the next one mends it. */
export const CLOCKS = { sync: sql.table('jobs_sync_clock'), async: sql.table('jobs_async_clock') } as const
