-- A caller whose connection is gone, and who has no Idempotency-Key to come back with, can never fetch what is spoken for them. Their gateway
-- says every few seconds that it still waits; 'infinity' where somebody can come back: asynchronous jobs, those with a key, those that were
-- answered with their id.
alter table jobs add column attended_until timestamptz not null default 'infinity';
create index jobs_attended on jobs (attended_until) where state in ('queued', 'running') and attended_until < 'infinity';
