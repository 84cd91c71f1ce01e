-- What is odd of a bar, but can be right: it is loaded, and gold warns.

create table silver.suspect_bar (
    bronze_key  text        not null,
    symbol      text        not null,
    interval    text        not null,
    source      text        not null,
    price_date  date        not null,
    rule        text        not null,
    reason      text        not null,
    observed_at timestamptz not null,
    primary key (bronze_key, price_date, rule)
);
create index suspect_bar_by_symbol on silver.suspect_bar (symbol, interval, source);
comment on table silver.suspect_bar is 'Bars of an answer that was loaded that are odd, but can be right.';

grant select on silver.suspect_bar to stocks_reader;
grant insert, update, delete on silver.suspect_bar to stocks_writer;
grant maintain on silver.suspect_bar to stocks_writer;
