-- An answer may be the newest bars of a series alone: its key says so.

alter table ops.bronze_object
add column is_tail boolean not null generated always as (bronze_key like '%.tail.json.gz') stored;
comment on column ops.bronze_object.is_tail is
    'Whether it has the newest bars alone: with the newest whole answer before it, and the tails between, it is the series.';
comment on column ops.bronze_object.status is
    'loaded; superseded: nothing was taken, since a newer answer was loaded before, or a tail asks for the whole series; refused: see message.';
