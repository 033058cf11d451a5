-- Who calls, what they have, what they asked for. Money is integer micro-dollars; ids are 32 lower-case hex digits made by us.

create domain hex_id as text check (value ~ '^[0-9a-f]{32}$');

-- An account's money. balance_micro is the sum of its ledger rows, held_micro the sum of the holds of its open jobs: both are kept
-- by the very statements that write the ledger and the jobs, so that a charge can be refused without summing anything.
create table accounts (
  id            hex_id primary key,
  name          text not null unique,
  balance_micro bigint not null default 0 check (balance_micro >= 0),
  held_micro    bigint not null default 0 check (held_micro >= 0),
  created_at    timestamptz not null default now(),
  constraint accounts_hold_is_covered check (held_micro <= balance_micro)
) with (fillfactor = 50); -- the money columns change all the time and are in no index: leave room for in-page updates

-- A key is known by its SHA-256 only; `prefix` is for people to tell their keys apart.
create table api_keys (
  id             hex_id primary key,
  account_id     hex_id not null references accounts,
  name           text not null,
  prefix         text not null,
  key_sha256     bytea not null unique check (length(key_sha256) = 32),
  rate_limit_rpm integer check (rate_limit_rpm >= 0), -- null: the server's setting; 0: no limit
  created_at     timestamptz not null default now(),
  last_used_at   timestamptz, -- written at most once a minute
  revoked_at     timestamptz
) with (fillfactor = 80);

-- One request to speak, synchronous or not. Its hold is taken when it is added and ends in exactly one charge or release.
-- `queued` and `cancelled` belong to the asynchronous API.
create table jobs (
  id                   hex_id primary key,
  account_id           hex_id not null references accounts,
  api_key_id           hex_id not null references api_keys,
  state                text not null check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  request              jsonb not null,
  hold_micro           bigint not null check (hold_micro >= 0),
  idempotency_key      text,
  request_hash         text,
  -- Whoever holds the token may complete or fail the job. It is kept afterwards, so that a repeated call can recognise its own work.
  lease_token          hex_id,
  lease_until          timestamptz,
  -- What a completed job has.
  charge_micro         bigint check (charge_micro between 0 and hold_micro),
  result               jsonb,
  output_token         hex_id unique, -- names the output in its public URL
  output_blob_key      text unique,
  output_media_type    text,
  output_bytes         bigint,
  output_sha256        text,
  output_audio_seconds double precision,
  -- What a failed job has.
  error_code           text,
  error_message        text,
  error_param          text,
  created_at           timestamptz not null default now(),
  finished_at          timestamptz,
  expires_at           timestamptz not null,
  constraint jobs_running_is_leased check (state <> 'running' or (lease_token is not null and lease_until is not null)),
  constraint jobs_finished_is_dated check ((state in ('completed', 'failed', 'cancelled')) = (finished_at is not null)),
  constraint jobs_charged_when_completed check ((state = 'completed') = (charge_micro is not null)),
  constraint jobs_output_when_completed check (
    (state = 'completed') = (num_nulls(output_token, output_blob_key, output_media_type, output_bytes, output_sha256, output_audio_seconds) = 0)
  ),
  constraint jobs_error_when_failed check ((state = 'failed') = (error_code is not null and error_message is not null)),
  constraint jobs_key_has_hash check ((idempotency_key is null) = (request_hash is null))
) with (fillfactor = 70);

-- A failed job gives its idempotency key back, so that the caller can try again with it.
create unique index jobs_idempotency on jobs (account_id, idempotency_key) where state not in ('failed', 'cancelled');
create index jobs_lease on jobs (lease_until) where state = 'running';
create index jobs_expiry on jobs (expires_at);
create index jobs_of_account on jobs (account_id, created_at desc);

-- Every change of a balance. Jobs expire, money does not: job_id is no foreign key.
create table ledger (
  id           bigint generated always as identity primary key,
  account_id   hex_id not null references accounts,
  kind         text not null check (kind in ('grant', 'charge')),
  amount_micro bigint not null,
  job_id       hex_id,
  note         text,
  at           timestamptz not null default now(),
  constraint ledger_charge_is_for_a_job check ((kind = 'charge') = (job_id is not null)),
  constraint ledger_charge_takes check (kind <> 'charge' or amount_micro <= 0)
);
create unique index ledger_one_charge_per_job on ledger (job_id) where kind = 'charge';
create index ledger_of_account on ledger (account_id, at desc);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: add a correcting row', tg_table_name;
end
$$;
create trigger ledger_is_append_only before update or delete or truncate on ledger
  for each statement execute function refuse_change();

-- Files that callers send ahead to name them in a request. The token is the public name.
create table uploads (
  token      hex_id primary key,
  account_id hex_id not null references accounts,
  blob_key   text not null unique,
  media_type text not null,
  bytes      bigint not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index uploads_expiry on uploads (expires_at);

-- When each subject's next request would be due if it came steadily (GCRA's "theoretical arrival time"), in microseconds since 1970.
-- Unlogged: written with every request, and a limit that starts anew after a crash of the database does no harm.
create unlogged table rate_limits (
  subject    text primary key,
  arrival_us bigint not null
) with (fillfactor = 50);
