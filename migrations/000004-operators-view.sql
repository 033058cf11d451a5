-- What whoever runs the server may set for an account, and a record of every change they make.

alter table accounts
  add column suspended_at     timestamptz, -- since then its keys are refused; what is queued is still spoken
  add column retention        text not null default 'normal' check (retention in ('normal', 'none')), -- of requests that do not say
  add column result_ttl_hours integer check (result_ttl_hours between 1 and 87600); -- null: the server's setting

-- Written in the transaction of the change that it speaks of. No foreign keys: what is gone was changed all the same.
create table audit_log (
  id          bigint generated always as identity primary key,
  at          timestamptz not null default now(),
  actor       text not null, -- api:ADDRESS or cli:USER@HOST
  action      text not null, -- account.create, key.revoke, job.requeue, ...
  target_kind text not null check (target_kind in ('account', 'key', 'job')),
  target_id   hex_id not null,
  account_id  hex_id not null, -- whose it is
  note        text,
  before      jsonb, -- what the change has changed; null: there was nothing
  after       jsonb not null
);
create index audit_log_of_account on audit_log (account_id, id desc);
create index audit_log_of_target on audit_log (target_id, id desc);
create trigger audit_log_is_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();

-- The operator's list of jobs, newest first, page by page.
create index jobs_by_age on jobs (created_at desc, id desc);
