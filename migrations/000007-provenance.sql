-- What every process of an installation must know and nobody else: random bytes by purpose, made when they are first needed.
create table secrets (
  purpose    text primary key,
  bytes      bytea not null check (length(bytes) = 32),
  created_at timestamptz not null default now()
);

-- Whether a file is one of ours, to the byte.
create index jobs_output_content on jobs (account_id, output_sha256) where output_sha256 is not null;
