-- What of a series a load changed, so that gold computes its bars from there on, and no earlier ones.

alter table ops.bronze_object add column changed_from date;
comment on column ops.bronze_object.changed_from is
    'The first day from which gold must compute the series anew because of this load: of the earliest final bar inserted, restated or withdrawn; of the series'' first bar where a split was told anew, changed or withdrawn, which changes all closes before it. Null where no final bar changed.';

-- What earlier loads changed isn't known: all of it.
update ops.bronze_object as loads
set changed_from = series.first_date
from (
    select symbol, interval, source, min(price_date) as first_date
    from silver.price_bar
    group by symbol, interval, source
) as series
where
    loads.symbol = series.symbol
    and loads.interval = series.interval
    and loads.source = series.source
    and loads.bars_changed > 0;

-- Gold asks for the loads of a series since the one that it has seen.
create index bronze_object_changes on ops.bronze_object (symbol, interval, source, load_id) include (changed_from)
where changed_from is not null;
