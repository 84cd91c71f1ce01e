{#-
    Incremental by bars: of a series that only grew, the new bars alone are computed, from as many before them as the
    windows need; of a restated one, those from the first restated bar on. A split changes the closes of all bars before
    it, and a dividend the adjusted ones: there it is the whole series. (Which from when: fact_adjusted_prices_replaced.)

    An incremental build gives to the bit what a full refresh does: sums are of numeric, which is exact in any order, and
    what reaches back to the first bar (its number, the highest close) goes on from the bar before.
-#}
{{
    config(
        materialized='incremental',
        on_schema_change='fail',
        series=['symbol', 'interval'],
        ordered_by='price_date',
        pre_hook="set local work_mem = '128MB'"
    )
}}

with

series as (

    {% if is_incremental() -%}
    select *
    from {{ part_of(this, 'replaced') }}
    where source is not null
    {%- else -%}
    -- A symbol that came after dim_stock was built waits for the next build.
    select
        sources.symbol,
        sources.interval,
        sources.source,
        sources.source_key,
        sources.silver_load_id,
        stocks.stock_key,
        date '-infinity' as since,
        date '-infinity' as read_from,
        0 as bars_before,
        null::double precision as highest_before
    from {{ ref('series_source') }} as sources
    inner join {{ ref('dim_stock') }} as stocks on sources.symbol = stocks.symbol
    {%- endif %}

),

bars as not materialized (

    select
        series.stock_key,
        series.silver_load_id,
        series.source_key,
        series.bars_before,
        series.highest_before,
        bars.price_date >= series.since as is_new,
        bars.symbol,
        bars.interval,
        bars.price_date,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.adjusted_close,
        bars.volume,
        bars.dividend_amount,
        bars.split_coefficient,
        -- A product is the sum of logarithms. A split that isn't positive is the tests' to report.
        case
            when bars.split_coefficient <> 1 and bars.split_coefficient > 0 then ln(bars.split_coefficient::numeric)
            else 0
        end as log_split,
        -- Counted from a Monday: a weekly bar is its week's, whichever day its last session was.
        case
            when bars.interval = 'weekly' then date_trunc('week', bars.price_date)::date else bars.price_date
        end - date '1900-01-01' as day
    from {{ source('silver', 'price_bar') }} as bars
    inner join series
        on bars.symbol = series.symbol and bars.interval = series.interval and bars.source = series.source
    where bars.is_final and bars.price_date >= series.read_from

),

{% set days = var('days_of_52_weeks') -%}
{# The frames of a window can't depend on a row: each interval has its own. -#}
{% for interval, window in var('windows').items() -%}
{{ interval }}_changes as (

    select
        *,
        day / {{ days }} as block,
        bars_before + count(*) filter (where is_new) over so_far as bar_number,
        greatest(highest_before, max(adjusted_close) filter (where is_new) over so_far) as highest_adjusted_close,
        adjusted_close / nullif(lag(adjusted_close) over sessions, 0) as growth,
        lag(close) over sessions as close_before,
        exp((sum(log_split) over (partition by symbol) - sum(log_split) over so_far)::double precision)
            as later_splits
    from bars
    where interval = '{{ interval }}'
    window
        sessions as (partition by symbol order by day),
        so_far as (partition by symbol order by day rows unbounded preceding)

),

-- The extremes of a week with a split inside are in old shares or in new ones, and which isn't told: taken is what is
-- sure, that the prices were as high and as low as this in new shares.
{{ interval }}_extremes as (

    select
        *,
        case
            when interval = 'weekly' and {{ is_split_inside_week() }}
                then greatest(least(high, high / split_coefficient), open / split_coefficient, close)
            else high
        end as sure_high,
        case
            when interval = 'weekly' and {{ is_split_inside_week() }}
                then least(greatest(low, low / split_coefficient), open / split_coefficient, close)
            else low
        end as sure_low
    from {{ interval }}_changes

),

-- The extremes of a moving window, in time that doesn't grow with its width: bars are cut into blocks of as many days
-- as the window has, so every window is the tail of one block and the head of the next (van Herk and Gil-Werman).
{{ interval }}_blocks as (

    select
        *,
        growth - 1 as simple_return,
        ln(case when growth > 0 then growth end) as log_return,
        (growth - 1)::numeric(38, 16) as exact_simple_return,
        ln(case when growth > 0 then growth end)::numeric(38, 16) as exact_log_return,
        max(sure_high / later_splits) over head as head_high,
        min(sure_low / later_splits) over head as head_low,
        max(sure_high / later_splits) over tail as tail_high,
        min(sure_low / later_splits) over tail as tail_low
    from {{ interval }}_extremes
    window
        head as (partition by symbol, block order by day rows unbounded preceding),
        tail as (partition by symbol, block order by day desc rows unbounded preceding)

),

-- Deviations are computed in numeric: PostgreSQL takes the oldest bar out of a numeric sum exactly, where for double
-- precision it adds the whole window again for every row. A return's own rounding is about 1e-16. (The casts stand one
-- step before, where they are made once a row.)
{{ interval }}_windows as (

    select
        *,
        first_value(block) over weeks_52 as block_before,
        first_value(tail_high) over weeks_52 as high_before,
        first_value(tail_low) over weeks_52 as low_before,
        count(log_return) over year_to_date as n_year,
        (stddev_samp(exact_log_return) over year_to_date)::double precision as deviation_year,
        count(simple_return) over before as n_before,
        (avg(exact_simple_return) over before)::double precision as mean_before,
        (stddev_samp(exact_simple_return) over before)::double precision as deviation_before,
        {{ window.year }} as full_year,
        {{ window.zscore }} as full_before
    from {{ interval }}_blocks
    window
        weeks_52 as (partition by symbol order by day range between {{ days - 1 }} preceding and current row),
        year_to_date as (partition by symbol order by day rows {{ window.year - 1 }} preceding),
        before as (partition by symbol order by day rows between {{ window.zscore }} preceding and 1 preceding)

),

{% endfor -%}
metrics as (

    {% for interval in var('windows') -%}
    select
        stock_key,
        source_key,
        silver_load_id,
        symbol,
        interval,
        price_date,
        bar_number,
        open,
        high,
        low,
        close,
        adjusted_close,
        volume,
        dividend_amount,
        split_coefficient,
        later_splits,
        simple_return,
        log_return,
        n_before,
        full_before,
        mean_before,
        deviation_before,
        n_year,
        full_year,
        deviation_year,
        block,
        block_before,
        head_high,
        high_before,
        head_low,
        low_before,
        highest_adjusted_close
    from {{ interval }}_windows
    where is_new
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    {{ generate_surrogate_key(['symbol', 'interval', 'price_date']) }} as price_key,
    stock_key,
    to_char(price_date, 'YYYYMMDD')::integer as date_key,
    source_key,
    interval,
    price_date,
    symbol,
    open,
    high,
    low,
    close,
    adjusted_close,
    close / later_splits as split_adjusted_close,
    volume,
    dividend_amount,
    split_coefficient,
    simple_return,
    log_return,
    -- A deviation below 1e-12 is the rounding of returns that are all the same.
    case
        when n_before = full_before and deviation_before > 1e-12
            then (simple_return - mean_before) / deviation_before
    end as return_zscore,
    case when n_year = full_year then deviation_year * sqrt(full_year) end as volatility_52w,
    greatest(head_high, case when block_before < block then high_before end) as high_52w,
    least(head_low, case when block_before < block then low_before end) as low_52w,
    adjusted_close / nullif(highest_adjusted_close, 0) - 1 as drawdown,
    highest_adjusted_close,
    bar_number::integer as bar_number,
    silver_load_id
from metrics
