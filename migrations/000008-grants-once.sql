-- A grant of credits that is sent again under the same key is made once.
alter table ledger add column idempotency_key text;
create unique index ledger_one_grant_per_key on ledger (account_id, idempotency_key) where idempotency_key is not null;
