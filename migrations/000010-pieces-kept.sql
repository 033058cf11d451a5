-- The pieces of an asynchronous request are kept as long as its output: each can be played, and one spoken again. A request that was made by
-- speaking one piece again shares the others with the one it came from: a blob may have several rows, and goes when the last of them does.
alter table job_pieces drop constraint job_pieces_blob_key_key;
create index job_pieces_blob on job_pieces (blob_key);

-- The engine that spoke it: pieces of two are never joined. Null: of before.
alter table job_pieces add column model text, add column version text;

-- The encoded voice, for pieces that are spoken later: the recording may be gone by then.
alter table jobs add column voice_blob_key text;
create index jobs_voice_blob on jobs (voice_blob_key) where voice_blob_key is not null;
