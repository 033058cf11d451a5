-- Telling callers' own servers that a request has ended.

-- A server that an account has named for its events. Secrets are kept as they are: signing needs them.
create table webhooks (
  id              hex_id primary key,
  account_id      hex_id not null references accounts,
  url             text not null,
  events          text[] not null check (events <@ '{completed,failed,cancelled}' and cardinality(events) > 0),
  description     text,
  secret          text not null,
  previous_secret text, -- also signs until previous_until
  previous_until  timestamptz,
  created_at      timestamptz not null default now(),
  disabled_at     timestamptz, -- it answered 410; a test or a replay that succeeds enables it again
  constraint webhooks_previous_secret_ends check ((previous_secret is null) = (previous_until is null))
);
create index webhooks_of_account on webhooks (account_id, created_at);

-- What signs the messages to URLs that came with a request. Made when it is first needed.
create table webhook_secrets (
  account_id      hex_id primary key references accounts,
  secret          text not null,
  previous_secret text,
  previous_until  timestamptz,
  constraint webhook_secrets_previous_ends check ((previous_secret is null) = (previous_until is null))
);

-- One event for one receiver, until it is delivered or given up. The id is the webhook-id that the receiver sees on every attempt.
create table webhook_deliveries (
  id          hex_id primary key,
  account_id  hex_id not null references accounts,
  webhook_id  hex_id references webhooks on delete cascade, -- null: the URL that came with the request
  job_id      hex_id, -- null: a test. No foreign key: a job may be forgotten before what was told of it
  event       text not null check (event in ('completed', 'failed', 'cancelled', 'test')),
  event_at    timestamptz not null,
  url         text not null,
  host        text not null, -- of the URL, with its port: who may keep whom waiting
  state       text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  -- When it may be taken, and by whom it was taken last. Taking it moves due_at past the longest attempt.
  due_at      timestamptz not null default now(),
  lease_token hex_id,
  tries       integer not null default 0 check (tries >= 0), -- since it was made or replayed
  created_at  timestamptz not null default now(),
  finished_at timestamptz,
  constraint webhook_deliveries_finished_is_dated check ((state = 'pending') = (finished_at is null)),
  constraint webhook_deliveries_test_is_of_a_webhook check ((event = 'test') = (job_id is null) and (job_id is not null or webhook_id is not null))
) with (fillfactor = 70);

-- The claim goes from receiver to receiver and takes from each what is due.
create index webhook_deliveries_due on webhook_deliveries (account_id, host, due_at) where state = 'pending';
create index webhook_deliveries_of_account on webhook_deliveries (account_id, created_at desc, id desc);
create index webhook_deliveries_of_webhook on webhook_deliveries (webhook_id, created_at desc, id desc);
create index webhook_deliveries_of_job on webhook_deliveries (job_id);
create index webhook_deliveries_age on webhook_deliveries (created_at);

-- What came of each attempt that came to an end. One that was cut off by the death of its process leaves no row and is made again.
create table webhook_attempts (
  delivery_id  hex_id not null references webhook_deliveries on delete cascade,
  number       integer not null check (number >= 1),
  at           timestamptz not null,
  milliseconds integer not null check (milliseconds >= 0),
  status_code  integer, -- null: no answer came
  answer       text, -- its first bytes
  error        text,
  primary key (delivery_id, number)
);
