-- Several sources side by side: the source is part of a bar's key, gold is told which one it takes, and the request
-- budget knows hours and months.

alter table silver.price_bar drop constraint price_bar_pkey;
alter table silver.price_bar add primary key (symbol, interval, source, price_date);
comment on table silver.price_bar is 'A symbol''s bar as the source last told it; each source has its own.';

-- Of a bronze key area/symbol/endpoint/source/moment-hash.
alter table silver.rejected_bar add column source text;
update silver.rejected_bar set source = split_part(bronze_key, '/', 4);
alter table silver.rejected_bar alter column source set not null;
drop index silver.rejected_bar_by_symbol;
create index rejected_bar_by_symbol on silver.rejected_bar (symbol, interval, source);

alter table silver.restatement add column source text;
update silver.restatement set source = split_part(bronze_key, '/', 4);
alter table silver.restatement alter column source set not null;

drop index ops.bronze_object_by_symbol;
create index bronze_object_by_symbol on ops.bronze_object (symbol, interval, source, observed_at);

create table ops.source_series (
    source     text    not null,
    interval   text    not null check (interval in ('daily', 'weekly')),
    endpoint   text    not null,
    adjustment text    not null,
    preference integer,
    primary key (source, interval)
);
comment on table ops.source_series is
    'What each source that the code knows gives bars of, and which one gold prefers; written when a build of gold begins.';
comment on column ops.source_series.preference is
    'Place in STOCKS_SOURCE, from 1; null for a source that is not in force: gold takes it where no other has bars.';

alter table ops.api_budget add column hour timestamptz;
alter table ops.api_budget add column used_in_hour integer not null default 0 check (used_in_hour >= 0);
alter table ops.api_budget add column hour_exhausted_at timestamptz;
comment on column ops.api_budget.hour is 'The hour of the latest request.';
comment on column ops.api_budget.used_in_hour is 'Requests made in that hour.';
comment on column ops.api_budget.hour_exhausted_at is 'When the provider last said that an hour''s quota is spent.';

create table ops.api_symbol (
    budget_key text not null,
    month      date not null,
    symbol     text not null,
    primary key (budget_key, month, symbol)
);
comment on table ops.api_symbol is 'Symbols asked for in a month with one API key, where the provider limits their number.';

grant select on ops.source_series, ops.api_symbol to stocks_reader;
grant insert, update, delete on ops.source_series, ops.api_symbol to stocks_writer;
grant maintain on ops.source_series, ops.api_symbol to stocks_writer;
