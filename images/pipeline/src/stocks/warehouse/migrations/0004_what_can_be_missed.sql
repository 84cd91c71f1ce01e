-- What tells that something is gone: the relations of a published build, and the requests behind a symbol that counts.

alter table ops.gold_build add column relations text[];
comment on column ops.gold_build.relations is
    'The tables and views that gold held when it was published; null for builds before this was noted.';

alter table ops.api_symbol add column requests integer not null default 1 check (requests > 0);
comment on column ops.api_symbol.requests is 'Requests about it in the month, without those that never left.';
