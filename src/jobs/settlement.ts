// What the end of a job means for everybody else: money, usage, order and event, in the statement that ends it.
import { sql } from 'kysely'

/** In the `set` of whatever ends a job: what a job of retention `none` was asked for is forgotten. */
export const scrubbedRequest = sql`case when retention = 'none' then request - 'text' - 'reference' - 'pieces' else request end`

/** The `set` of an update that cancels open jobs: those that wait at once; those that run are to be stopped by their worker. */
export const cancelling = sql`
  cancel_requested = true,
  state = case state when 'queued' then 'cancelled' else state end,
  finished_at = case state when 'queued' then now() end,
  run_at = case state when 'queued' then null else run_at end,
  request = case state when 'queued' then ${scrubbedRequest} else request end
`

/** Of a piece of a job that is due: it was spoken for the job that this one is derived from, and counted there. submit.ts writes it so. */
const isTakenOver = sql`jsonb_exists(due.request, 'derivedFrom') and engine_seconds = 0`

/**
 * CTEs to follow one named `ended`, whose rows are jobs as the statement leaves them, all at an end. They charge what a completed job owes
 * (one that is paid by the piece has paid), release what is left of the hold, take back the turn of a job that was never begun, count the
 * usage and note the event. `settled` has the accounts (id, balance_micro) as they are afterwards; whoever selects from it makes sure that
 * accounts are locked before usage, in every statement alike.
 */
export const settlement = sql`
  due as (
    select *, case when state = 'completed' and not stream then charge_micro else 0 end as due_micro from ended
  ), charged as (
    insert into ledger (account_id, kind, amount_micro, job_id)
    select account_id, 'charge', -due_micro, id from due where state = 'completed' and not stream
  ), settled as (
    update accounts set
      balance_micro = balance_micro - total.due_micro,
      held_micro = held_micro - total.open_micro,
      sync_turn = greatest(0, sync_turn - total.sync_unused),
      async_turn = greatest(0, async_turn - total.async_unused)
    from (
      select
        account_id,
        sum(due_micro)::bigint as due_micro,
        sum(hold_micro - charged_micro + due_micro)::bigint as open_micro,
        coalesce(sum(characters) filter (where mode = 'sync' and started_at is null), 0) as sync_unused,
        coalesce(sum(characters) filter (where mode = 'async' and started_at is null), 0) as async_unused
      from due group by account_id
    ) as total
    where accounts.id = total.account_id
    returning accounts.id, accounts.balance_micro
  ), used as (
    insert into usage_days as known (
      day, account_id, api_key_id, model, requests, failed, characters, audio_seconds, cost_micro
    )
    select
      (now() at time zone 'utc')::date, account_id, api_key_id, coalesce(model, 'unknown'),
      count(*),
      count(*) filter (where state = 'failed'),
      coalesce(sum(characters) filter (where state <> 'failed'), 0),
      coalesce(sum(case
        when output_audio_seconds is null then (
          select sum(samples::float8 / sample_rate) from job_pieces where job_id = due.id and due.charged_micro > 0
        )
        else greatest(0, output_audio_seconds - (
          select coalesce(sum(samples::float8 / sample_rate), 0) from job_pieces where job_id = due.id and ${isTakenOver}
        ))
      end), 0),
      sum(charged_micro)
    from due
    where state in ('completed', 'failed') or charged_micro > 0
    group by account_id, api_key_id, coalesce(model, 'unknown')
    order by account_id, api_key_id
    on conflict (day, account_id, api_key_id, model) do update set
      requests = known.requests + excluded.requests,
      failed = known.failed + excluded.failed,
      characters = known.characters + excluded.characters,
      audio_seconds = known.audio_seconds + excluded.audio_seconds,
      cost_micro = known.cost_micro + excluded.cost_micro
  ), noted as (
    insert into job_events (job_id, account_id, kind) select id, account_id, state from due where mode = 'async'
  )
`
