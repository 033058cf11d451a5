// Dead jobs – failed, their attempts used up, what they were asked for still known – and how one is tried again.
import { sql } from 'kysely'
import { isShortage } from '../billing/ledger.ts'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import { violatedConstraint } from '../storage/violations.ts'
import { CLOCKS, TURNS } from './turns.ts'

/** Of a row of jobs. One that was paid in part is not dead: its caller has heard a part of it, and a second one would pay twice. */
export const isDead = sql<boolean>`(
  state = 'failed' and error_code = 'unavailable' and attempts >= max_attempts and charged_micro = 0
  and jsonb_exists(request, 'text') and expires_at > now()
)`

/**
 * Puts a dead job back into the queue, its price held anew, its attempts counted from none. Nobody holds a connection open for it any more,
 * so it waits with the asynchronous ones; that it has failed is not told to whoever has not heard of it yet. Whoever calls this tells the workers after the commit.
 * False: there is no such dead job. Throws AppError `insufficient_credits`, or `idempotency_conflict` when its key was used again.
 */
export async function requeueJob(db: Database, id: string): Promise<boolean> {
  // The account first, as in every statement that moves money.
  const statement = sql<{ id: string }>`
    with account as materialized (
      select accounts.id, ${TURNS.async} as turn from accounts join jobs on jobs.account_id = accounts.id
      where jobs.id = ${id} for update of accounts
    ), job as (
      update jobs set
        state = 'queued',
        mode = 'async',
        turn = greatest(account.turn, (select last_value from ${CLOCKS.async})) + greatest(1, characters),
        queued_at = now(),
        attempts = 0,
        started_at = null,
        worker_id = null,
        finished_at = null,
        error_code = null,
        error_message = null,
        error_param = null,
        expires_at = now() + (expires_at - jobs.created_at)
      from account
      where jobs.id = ${id} and jobs.account_id = account.id and ${isDead}
      returning jobs.id, account_id, hold_micro, jobs.turn
    ), held as (
      update accounts set held_micro = held_micro + job.hold_micro, ${TURNS.async} = job.turn
      from job where accounts.id = job.account_id
    ), untold as (
      delete from job_events using job where job_events.job_id = job.id
    )
    select id from job
  `
  try {
    return (await statement.execute(db)).rows.length > 0
  } catch (error) {
    if (violatedConstraint(error) === 'jobs_idempotency') {
      const message =
        'The Idempotency-Key of this request has been used again since: there is another request in its place.'
      throw new AppError('idempotency_conflict', message, { cause: error })
    }
    if (!isShortage(error)) throw error
    throw new AppError('insufficient_credits', 'The account no longer has the credits that this request may cost.', {
      cause: error,
    })
  }
}
