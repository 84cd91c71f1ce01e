-- The universe as data: what people changed of the list that ships (dbt's seed).
-- Code of 0012 lives with this.

create table ops.listing (
    symbol       text        not null primary key,
    status       text        not null check (status in ('listed', 'delisted', 'removed')),
    last_listed  date,
    company_name text,
    exchange     text,
    currency     text,
    sector       text,
    industry     text,
    source       text,
    changed_at   timestamptz not null default now(),
    changed_by   text        not null,
    check (case status when 'listed' then last_listed is null when 'delisted' then last_listed is not null else true end)
);
comment on table ops.listing is
    'Symbols that `stocks universe` added, delisted or removed; all others are as in dbt''s seed universe.';
comment on column ops.listing.status is
    'listed: asked for; delisted: asked for until last_listed, its bars stay; removed: not asked for, its bars stay.';
comment on column ops.listing.company_name is 'Null, as each column after it: what the seed tells holds.';
comment on column ops.listing.source is 'The source whose bars gold takes, where it has any.';

grant select on ops.listing to stocks_reader;
grant insert, update, delete on ops.listing to stocks_writer;
grant maintain on ops.listing to stocks_writer;

alter table ops.gold_build add column listings text not null default '';
comment on column ops.gold_build.listings is
    'MD5 over ops.listing as the build saw it; empty where that had no row: another list is another universe.';
