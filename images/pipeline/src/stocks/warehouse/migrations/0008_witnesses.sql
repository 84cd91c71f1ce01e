-- An answer that contradicts what is held is taken when as many tell it as told what is held.

alter table ops.bronze_object add column witnesses integer not null default 1 check (witnesses > 0);
comment on column ops.bronze_object.witnesses is
    'How many answers in a row told what it tells against what was held, itself among them; 1 where it contradicts nothing.';
comment on column ops.bronze_object.rule is
    'Of a refused one, the rule about whole answers that it breaks; of a loaded one, the rule by which it rewrote the series.';

create table silver.contested_bar (
    symbol            text             not null,
    interval          text             not null check (interval in ('daily', 'weekly')),
    price_date        date             not null,
    close             double precision not null,
    adjusted_close    double precision not null,
    volume            bigint           not null,
    dividend_amount   double precision not null,
    split_coefficient double precision not null,
    is_final          boolean          not null,
    source            text             not null,
    bronze_key        text             not null,
    primary key (symbol, interval, source, price_date)
);
comment on table silver.contested_bar is
    'Bars of the newest answer that was refused for contradicting those held alone; the next one may bear it out.';

grant select on silver.contested_bar to stocks_reader;
grant insert, update, delete on silver.contested_bar to stocks_writer;
grant maintain on silver.contested_bar to stocks_writer;
