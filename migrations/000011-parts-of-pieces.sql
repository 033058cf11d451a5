-- A piece of low latency is stored, charged and sent in parts, while the rest of it is being spoken. Every other piece is one part,
-- which is its last. A job that is to go on in the middle of a piece speaks it again and leaves out what its parts hold.
alter table job_pieces
  add column part    integer not null default 0 check (part >= 0),
  add column is_last boolean not null default true,
  drop constraint job_pieces_pkey,
  add constraint job_pieces_pkey primary key (job_id, index, part),
  -- The whole of its share of the price: the ledger has one charge per piece.
  add constraint job_pieces_paid_with_the_first_part check (part = 0 or charge_micro = 0);
