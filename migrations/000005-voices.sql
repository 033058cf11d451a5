-- Voices that an account keeps: a checked recording, or a voice file, that requests name by its id.

create table voices (
  id            hex_id primary key,
  account_id    hex_id not null references accounts,
  name          text not null check (name <> ''),
  description   text,
  consent       text not null, -- what whoever added it has declared, in their words or in ours
  consent_at    timestamptz not null default now(),
  kind          text not null check (kind in ('recording', 'encoded')),
  sha256        text not null check (sha256 ~ '^[0-9a-f]{64}$'), -- of the file as it was sent
  blob_key      text not null unique, -- what is kept of it: the excerpt that is listened to, or the voice file
  bytes         bigint not null,
  seconds       double precision, -- of the excerpt
  sent_seconds  double precision, -- of what was sent
  start_seconds double precision, -- where in it the excerpt begins
  checks        jsonb not null default '[]', -- what would make the voice better: kinds and advice
  model         text, -- what a voice file was made by
  version       text,
  created_at    timestamptz not null default now(),
  deleted_at    timestamptz, -- from then on nobody can name it; row and blob go when the last open job that does has ended
  constraint voices_recording_has_times check ((kind = 'recording') = (num_nulls(seconds, sent_seconds, start_seconds) = 0)),
  constraint voices_encoded_has_model check ((kind = 'encoded') = (num_nulls(model, version) = 0))
);

-- Sent again, because no answer came, it is the same voice and not a second one.
create unique index voices_content on voices (account_id, sha256, name) where deleted_at is null;
create index voices_of_account on voices (account_id, created_at desc, id desc) where deleted_at is null;
create index voices_deleted on voices (deleted_at) where deleted_at is not null;
