-- Jobs wait in a queue that any worker may take from, are tried again when a worker dies, and may be delivered in pieces.

alter table jobs
  add column mode             text not null default 'sync' check (mode in ('sync', 'async')), -- does a caller hold a connection open for it?
  add column characters       integer not null default 0 check (characters >= 0),
  -- The fair order: the least turn is claimed first (docs/decisions/2026-11-22-fair-order.md).
  add column turn             bigint not null default 0,
  add column queued_at        timestamptz not null default now(), -- when it began to wait: added, or put back
  add column run_at           timestamptz, -- a queued job that is to be tried again, and not before then; null: at once
  add column attempts         integer not null default 0 check (attempts >= 0),
  add column max_attempts     integer not null default 1 check (max_attempts >= 1),
  add column cancel_requested boolean not null default false,
  add column started_at       timestamptz, -- the first claim
  add column worker_id        hex_id, -- whoever claimed it last; no foreign key: workers come and go
  add column model            text, -- of that worker
  add column input_blob_key   text, -- reference audio that came with the request; swept away when the job has ended
  add column webhook_url      text,
  add column retention        text not null default 'normal' check (retention in ('normal', 'none')),
  add column stream           boolean not null default false, -- paid by the piece, as the pieces are committed
  add column charged_micro    bigint not null default 0 check (charged_micro between 0 and hold_micro); -- of the hold, what is paid already

update jobs set charged_micro = charge_micro, attempts = 1, started_at = created_at where state = 'completed';
update jobs set attempts = 1, started_at = created_at where state in ('running', 'failed');

-- The queue. Who must wait before a retry is in an index of its own: the claim never steps over rows whose time has not come.
create index jobs_ready on jobs (mode, turn, id) where state = 'queued' and run_at is null;
create index jobs_delayed on jobs (mode, run_at) where state = 'queued' and run_at is not null;
create index jobs_open_of_key on jobs (api_key_id) where state in ('queued', 'running');
create index jobs_input on jobs (id) where input_blob_key is not null and state in ('completed', 'failed', 'cancelled');

-- The clock of each mode: the turn that was claimed last. Sequences, because setval takes no lock that outlives the call.
create sequence jobs_sync_clock minvalue 0 start 0;
create sequence jobs_async_clock minvalue 0 start 0;
select setval('jobs_sync_clock', 0), setval('jobs_async_clock', 0);

-- The turn of the account's last job in each mode.
alter table accounts
  add column sync_turn  bigint not null default 0,
  add column async_turn bigint not null default 0;

alter table api_keys add column max_concurrent integer check (max_concurrent >= 1); -- open jobs; null: the server's setting

-- Counts the open jobs of a key, at most `enough`. Volatile: called behind the lock on the account, it sees what others have committed
-- while we waited for that lock, which a subquery of the calling statement does not.
create function count_open_jobs(key hex_id, enough integer) returns integer language plpgsql volatile as $$
begin
  return (
    select count(*) from (select from jobs where api_key_id = key and state in ('queued', 'running') limit enough) open
  );
end
$$;

-- The pieces of a job that are made: what a retry need not make again, and what can be sent before the whole is there.
create table job_pieces (
  job_id         hex_id not null references jobs on delete cascade,
  index          integer not null check (index >= 0),
  blob_key       text not null unique,
  samples        integer not null check (samples >= 0),
  sample_rate    integer not null check (sample_rate > 0),
  guards         jsonb not null,
  engine_seconds double precision not null,
  charge_micro   bigint not null default 0 check (charge_micro >= 0),
  primary key (job_id, index)
);

alter table ledger
  add column piece integer, -- of a job that is paid by the piece
  add constraint ledger_piece_is_of_a_job check (piece is null or kind = 'charge');
drop index ledger_one_charge_per_job;
create unique index ledger_one_charge_per_output on ledger (job_id, coalesce(piece, -1)) where kind = 'charge';

-- Who can speak. A worker says every few seconds that it is there.
create table workers (
  id         hex_id primary key,
  host       text not null,
  model      text not null,
  version    text not null,
  slots      integer not null check (slots >= 1),
  started_at timestamptz not null default now(),
  seen_at    timestamptz not null default now()
) with (fillfactor = 50);

-- Every end of an asynchronous job, written by the statement that ends it, for whoever tells the world about it.
create table job_events (
  id         bigint generated always as identity primary key,
  job_id     hex_id not null, -- no foreign key: a job may be forgotten before its event is
  account_id hex_id not null references accounts,
  kind       text not null check (kind in ('completed', 'failed', 'cancelled')),
  at         timestamptz not null default now()
);

-- What was asked for and paid on each day (UTC), kept by the statements that end jobs.
create table usage_days (
  day           date not null,
  account_id    hex_id not null references accounts,
  api_key_id    hex_id not null references api_keys,
  model         text not null,
  requests      bigint not null default 0, -- ended; a cancelled one counts only when a part of it was delivered and paid
  failed        bigint not null default 0, -- of these
  characters    bigint not null default 0, -- of those that did not fail
  audio_seconds double precision not null default 0,
  cost_micro    bigint not null default 0,
  primary key (day, account_id, api_key_id, model)
) with (fillfactor = 50);
create index usage_days_of_account on usage_days (account_id, day desc);
