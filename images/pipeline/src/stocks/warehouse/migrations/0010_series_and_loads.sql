-- A bar is told by the number of its series and of its load, not by their names: 112 bytes in place of 279.

create table silver.series (
    series_id integer not null generated always as identity primary key,
    symbol    text    not null,
    interval  text    not null check (interval in ('daily', 'weekly')),
    source    text    not null,
    unique (symbol, interval, source)
);
comment on table silver.series is 'The series that silver holds bars of; each source has its own.';

-- The wide columns first: in this order no byte is lost to alignment.
create table silver.bar (
    open              double precision not null,
    high              double precision not null,
    low               double precision not null,
    close             double precision not null,
    adjusted_close    double precision not null,
    volume            bigint           not null,
    dividend_amount   double precision not null,
    split_coefficient double precision not null,
    series_id         integer          not null,
    price_date        date             not null,
    load_id           integer          not null,
    is_final          boolean          not null,
    primary key (series_id, price_date)
);
comment on table silver.bar is 'A bar as the source last told it; silver.price_bar shows it with its names.';
comment on column silver.bar.price_date is 'The exchange''s local date.';
comment on column silver.bar.close is 'As traded; so are open, high and low. In the listing''s quote unit (London: pence).';
comment on column silver.bar.adjusted_close is 'Close adjusted by the provider for splits and dividends; it is restated at every action.';
comment on column silver.bar.volume is 'Shares, as traded.';
comment on column silver.bar.load_id is 'The row of ops.bronze_object of the answer that gave these values.';
comment on column silver.bar.is_final is 'Whether the session was over and settled when the bar was observed.';

-- What there was goes along, also bars whose answer the log of objects does not know.
insert into ops.bronze_object (bronze_key, symbol, interval, source, endpoint, observed_at, status)
select distinct on (bronze_key) bronze_key, symbol, interval, source, split_part(bronze_key, '/', 3), observed_at, 'loaded'
from silver.price_bar
where bronze_key not in (select bronze_key from ops.bronze_object)
order by bronze_key;
insert into silver.series (symbol, interval, source)
select distinct symbol, interval, source from silver.price_bar order by 1, 2, 3;
insert into silver.bar (
    open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient, series_id, price_date, load_id,
    is_final
)
select
    open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient, series_id, price_date, load_id,
    is_final
from silver.price_bar
inner join silver.series using (symbol, interval, source)
inner join ops.bronze_object using (bronze_key)
order by series_id, price_date;
drop table silver.price_bar;

-- Two columns of the log are read where somebody asks for them: else the planner leaves that join out.
create view silver.price_bar as
select
    series.symbol,
    series.interval,
    bar.price_date,
    bar.open,
    bar.high,
    bar.low,
    bar.close,
    bar.adjusted_close,
    bar.volume,
    bar.dividend_amount,
    bar.split_coefficient,
    bar.is_final,
    series.source,
    object.bronze_key,
    object.observed_at,
    bar.load_id
from silver.bar
inner join silver.series on bar.series_id = series.series_id
left join ops.bronze_object as object on bar.load_id = object.load_id;
comment on view silver.price_bar is 'A symbol''s bar as the source last told it; each source has its own.';
comment on column silver.price_bar.interval is 'daily, or weekly (the bar of an ISO week, dated by its last session).';
comment on column silver.price_bar.observed_at is 'When the provider gave this value, by the source''s clock.';

grant select on silver.series, silver.bar, silver.price_bar to stocks_reader;
grant insert, update, delete on silver.series, silver.bar to stocks_writer;
grant maintain on silver.series, silver.bar to stocks_writer;
