"""Bars of silver as tests write them: by their names, where the pipeline goes by numbers."""

WRITABLE = """
create function silver.write_price_bar() returns trigger language plpgsql as $$
declare
    series integer;
begin
    if tg_op <> 'INSERT' then
        delete from silver.bar using silver.series
        where bar.series_id = series.series_id and series.symbol = old.symbol and series.interval = old.interval
            and series.source = old.source and bar.price_date = old.price_date;
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    insert into silver.series (symbol, interval, source) values (new.symbol, new.interval, new.source)
    on conflict do nothing;
    select series_id into series from silver.series
    where symbol = new.symbol and interval = new.interval and source = new.source;
    insert into silver.bar values (
        new.open, new.high, new.low, new.close, new.adjusted_close, new.volume, new.dividend_amount,
        new.split_coefficient, series, new.price_date,
        coalesce(new.load_id, (select load_id from ops.bronze_object where bronze_key = new.bronze_key), 0),
        new.is_final
    );
    return new;
end
$$;
create trigger write_price_bar instead of insert or update or delete on silver.price_bar
for each row execute function silver.write_price_bar();
grant insert, update, delete on silver.price_bar to stocks_writer;
"""
"""Makes silver.price_bar a view that can be written, an answer's key standing for the number of its load."""

OF_SERIES = "series_id = (select series_id from silver.series where symbol = '{symbol}' and interval = 'daily')"
"""The condition on silver.bar for a symbol's daily bars."""
