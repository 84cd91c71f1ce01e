"""Every statement that the dashboard sends; all read the schema gold.

`${name}` is a parameter, which `literals.render` writes. What a screen can't show is reduced here, in the warehouse:
candles are joined to weeks or months, lines to weeks, returns to bins, and tables are cut.
"""

# ruff: noqa: S608 what is put together here are constants of this file

from __future__ import annotations

TABLE_ROWS = 250
EXPORT_ROWS = 20_000
SYMBOLS_SHOWN = 500
COMPARED = 8
"""Lines that can still be told apart, and as many colours as the palette has."""
CORRELATED = 12
HORIZONS = {
    "1M": "return_1m",
    "3M": "return_3m",
    "6M": "return_6m",
    "YTD": "return_ytd",
    "1Y": "return_1y",
    "3Y": "return_3y",
    "5Y": "return_5y",
    "Max": "return_max",
}
"""Of gold.trailing_returns, with the columns that the screener has them in."""

PULSE = """
select
    (select max(build_id) from gold.gold_builds where published_at is not null),
    (select max(greatest(started_at, finished_at))::text from gold.pipeline_runs)
"""

# What dbt says of each column of gold.
DESCRIPTIONS = """
select relations.relname || '.' || columns.attname as name, col_description(relations.oid, columns.attnum) as told
from pg_catalog.pg_class as relations
inner join pg_catalog.pg_attribute as columns on relations.oid = columns.attrelid and columns.attnum > 0
where relations.relnamespace = to_regnamespace('gold') and relations.relkind in ('r', 'v')
    and col_description(relations.oid, columns.attnum) is not null
"""

# --- Overview

SYMBOLS = """
select symbol, company_name, sector, first_date, last_date
from gold.mart_stock_summary
order by symbol
"""

HEADLINE = """
select
    count(*) as symbols,
    max(last_date) as last_date,
    count(*) filter (where is_stale) as stale,
    string_agg(distinct source_name, ', ') as sources,
    (select count(*) from gold.held_series) as held
from gold.mart_stock_summary
"""

# Of the build that is shown, and of the newest: one that failed afterwards has results too.
FINDINGS = """
select build_id, rule, model, severity, status, failures, checked_at, message, is_published, examples::text as examples
from gold.data_quality
where build_id in (
    select max(build_id) from gold.data_quality
    union all
    select max(build_id) from gold.data_quality where is_published
)
order by failures > 0 desc, severity, failures desc, rule
"""

_LATEST = """
    symbol,
    company_name,
    sector,
    currency,
    close,
    last_date,
    100 * day_return as day_return,
    100 * weekly_return as weekly_return,
    is_week_over,
    100 * volatility_52w as volatility_52w,
    low_52w,
    high_52w,
    100 * position_in_52w_range as position_in_52w_range,
    100 * drawdown as drawdown,
"""

# Every symbol: what is looked for, left out and put in order is so few numbers that the dashboard does it (`screener`).
SCREEN = f"""
select
    {_LATEST}
    volume,
    traded_value,
    traded_value_currency,
    is_stale,
    recent_adjusted_closes,
    {", ".join(f"gains.{column}" for column in HORIZONS.values())}
from gold.mart_stock_summary as stocks
left join (
    select
        symbol as of_symbol,
        {
    ", ".join(
        f"100 * max(total_return) filter (where horizon = '{horizon}') as {column}"
        for horizon, column in HORIZONS.items()
    )
}
    from gold.trailing_returns
    group by symbol
) as gains on stocks.symbol = gains.of_symbol
order by symbol
"""

# --- Series. A symbol is shown by the series that its summary is about: the daily one, if it has any.

_PRICES = """
    gold.fact_adjusted_prices as prices
    inner join gold.mart_stock_summary as stocks
        on prices.symbol = stocks.symbol and prices.interval = stocks.interval
"""
_SHOWN = "prices.symbol = ${symbol} and prices.price_date between ${first} and ${last}"


# --- Compare

_COMPARED = f"""
prices as (

    select prices.symbol, prices.price_date, prices.adjusted_close, stocks.interval
    from {_PRICES}
    where prices.symbol = any(${{symbols}}) and prices.price_date between ${{first}} and ${{last}}

),

-- The first day on which all of them have a bar.
base as (

    select price_date
    from prices
    group by price_date
    having count(*) = cardinality(${{symbols}})
    order by price_date
    limit 1

),

indexed as (

    select
        prices.symbol,
        prices.price_date,
        prices.interval,
        prices.price_date = base.price_date as is_base,
        100 * prices.adjusted_close / start.adjusted_close as index_value
    from prices
    inner join base on prices.price_date >= base.price_date
    inner join prices as start on prices.symbol = start.symbol and base.price_date = start.price_date

)
"""

# The last index of each day or week, and the first of all; exchanges close on other days, but share their weeks.
INDEXED = f"""
with {_COMPARED}

select
    symbol as series,
    max(max(price_date)) over (partition by is_base, date_trunc(${{candle}}, price_date::timestamp)) as price_date,
    (array_agg(index_value order by price_date))[count(*)] as value
from indexed
group by symbol, is_base, date_trunc(${{candle}}, price_date::timestamp)
order by 2, 1
"""

COMPARISON = f"""
with {_COMPARED},

highest as (

    select
        *,
        max(index_value) over so_far as peak,
        ln(index_value / nullif(lag(index_value) over sessions, 0)) as log_return
    from indexed
    window
        sessions as (partition by symbol order by price_date),
        so_far as (partition by symbol order by price_date rows unbounded preceding)

),

falls as (

    select *, index_value / peak - 1 as drawdown from highest

)

select
    falls.symbol,
    min(falls.price_date) as first_date,
    max(falls.price_date) as last_date,
    (array_agg(falls.index_value order by falls.price_date desc))[1] - 100 as total_return,
    -- Of less than a year, a yearly rate would promise what nobody has seen.
    case
        when max(falls.price_date) - min(falls.price_date) >= 365
            then 100 * (((array_agg(falls.index_value order by falls.price_date desc))[1] / 100)
                ^ (min(windows.days_a_year) / (max(falls.price_date) - min(falls.price_date))) - 1)
    end as yearly_return,
    100 * stddev_samp(falls.log_return) * sqrt(min(windows.bars_a_year)) as volatility,
    100 * min(falls.drawdown) as max_drawdown,
    (array_agg(falls.price_date order by falls.drawdown, falls.price_date))[1] as trough_date
from falls
inner join gold.metric_windows as windows on falls.interval = windows.interval
group by falls.symbol
order by total_return desc
"""

# Each symbol's returns beside the mean of its peers' on the same days, itself left out: of one peer, a benchmark's.
AGAINST_PEERS = f"""
with

-- One pass over the bars: of each day the peers' sum, and the returns of those that are asked for.
days as (

    select
        prices.interval,
        sum(prices.simple_return) filter (where prices.symbol = any(${{peers}})) as total,
        count(*) filter (where prices.symbol = any(${{peers}})) as peers,
        array_agg(prices.symbol) filter (where prices.symbol = any(${{symbols}})) as symbols,
        array_agg(prices.simple_return) filter (where prices.symbol = any(${{symbols}})) as returns
    from {_PRICES}
    where prices.symbol = any(${{symbols}} || ${{peers}}) and prices.price_date between ${{first}} and ${{last}}
        and prices.simple_return is not null
    group by prices.interval, prices.price_date

),

beside as (

    select
        asked.symbol,
        days.interval,
        asked.simple_return,
        -- The mean of all peers but one is the rest of their sum.
        case
            when asked.symbol = any(${{peers}}) then (days.total - asked.simple_return) / nullif(days.peers - 1, 0)
            else days.total / nullif(days.peers, 0)
        end as of_peers
    from days
    cross join unnest(days.symbols, days.returns) as asked (symbol, simple_return)

)

select
    beside.symbol,
    count(*) as sessions,
    sqrt(min(windows.bars_a_year)) * avg(simple_return) / nullif(stddev_samp(simple_return), 0) as sharpe_ratio,
    regr_slope(simple_return, of_peers) as beta,
    corr(simple_return, of_peers) as correlation,
    100 * sqrt(min(windows.bars_a_year)) * stddev_samp(simple_return - of_peers) as tracking_error,
    sqrt(min(windows.bars_a_year)) * avg(simple_return - of_peers) / nullif(stddev_samp(simple_return - of_peers), 0)
        as information_ratio
from beside
inner join gold.metric_windows as windows on beside.interval = windows.interval
where of_peers is not null
group by beside.symbol
having count(*) >= 20
order by beside.symbol
"""

# --- One stock

STOCK = f"""
select
    {_LATEST}
    exchange,
    industry,
    interval,
    first_date,
    expected_last_date,
    is_stale
from gold.mart_stock_summary
where symbol = ${{symbol}}
"""

# How much a share as traded was worth in terms of today's: 1 as traded. Shares count the other way, for splits alone.
_BASIS = """
        case ${basis}
            when 'split' then prices.split_adjusted_close / nullif(prices.close, 0)
            when 'total' then prices.adjusted_close / nullif(prices.close, 0)
            else 1
        end
"""

_AVERAGES = ", ".join(
    f"""
        case ${{basis}}
            when 'split' then averages.split_adjusted_close_{bars}
            when 'total' then averages.adjusted_close_{bars}
            else averages.close_{bars}
        end as average_{bars}"""
    for bars in (20, 50, 200)
)

# The whole series: a visitor moves to any day of it. A candle tells the lowest drawdown, the best and the worst return,
# and the furthest from usual, so the worst day of 25 years is seen in months too.
CANDLES = f"""
with

adjusted as (

    select
        prices.price_date,
        prices.open * {_BASIS} as open,
        prices.high * {_BASIS} as high,
        prices.low * {_BASIS} as low,
        prices.close * {_BASIS} as close,
        case ${{basis}}
            when 'raw' then prices.volume
            else prices.volume * prices.close / nullif(prices.split_adjusted_close, 0)
        end as volume,
        prices.drawdown,
        prices.volatility_52w,
        prices.simple_return,
        prices.dividend_amount,
        prices.split_coefficient,
        {_AVERAGES}
    from {_PRICES}
    inner join gold.moving_averages as averages
        on
            prices.symbol = averages.symbol
            and prices.interval = averages.interval
            and prices.price_date = averages.price_date
    where prices.symbol = ${{symbol}}

)

select
    max(price_date) as price_date,
    (array_agg(open order by price_date))[1] as open,
    max(high) as high,
    min(low) as low,
    (array_agg(close order by price_date))[count(*)] as close,
    sum(volume)::double precision as volume,
    (array_agg(average_20 order by price_date))[count(*)] as average_20,
    (array_agg(average_50 order by price_date))[count(*)] as average_50,
    (array_agg(average_200 order by price_date))[count(*)] as average_200,
    100 * min(drawdown) as drawdown,
    100 * (array_agg(volatility_52w order by price_date))[count(*)] as volatility,
    100 * greatest(max(simple_return), 0) as best_return,
    100 * least(min(simple_return), 0) as worst_return,
    sum(dividend_amount) as dividend_amount,
    round(exp(sum(ln(split_coefficient)))::numeric, 4)::double precision as split_coefficient
from adjusted
group by date_trunc(${{candle}}, price_date::timestamp)
order by 1
"""

DRAWDOWNS = """
select
    symbol,
    falls.peak_date,
    falls.trough_date,
    100 * falls.depth as depth,
    falls.recovery_date,
    falls.days_down
from gold.drawdown_episodes as falls
inner join gold.mart_stock_summary as stocks using (symbol, interval)
where symbol = ${symbol} and falls.trough_date between ${first} and ${last}
order by falls.depth
limit 5
"""

RETURNS = f"""
with

returns as (

    select 100 * prices.simple_return as change
    from {_PRICES}
    where {_SHOWN} and prices.simple_return is not null

),

-- Bins of a whole number of tenths of a percent, some sixty of them.
bins as (

    select greatest(ceil((max(change) - min(change)) / 6) / 10, 0.1) as width from returns

)

select
    floor(returns.change / bins.width) * bins.width as return_from,
    (floor(returns.change / bins.width) + 1) * bins.width as return_to,
    count(*) as bars
from returns
cross join bins
group by 1, 2
order by 1
"""

UNUSUAL = f"""
select
    prices.symbol,
    stocks.currency,
    prices.price_date,
    100 * prices.simple_return as change,
    prices.return_zscore,
    prices.volume,
    prices.split_coefficient,
    prices.dividend_amount
from {_PRICES}
where {_SHOWN} and abs(prices.return_zscore) >= ${{threshold}}
order by abs(prices.return_zscore) desc
limit {TABLE_ROWS}
"""


TRAILING = """
select symbol, horizon, first_date, last_date, 100 * total_return as total_return, 100 * yearly_return as yearly_return
from gold.trailing_returns
where symbol = ${symbol}
order by place
"""

MONTHS = """
select
    symbol,
    months.year,
    months.month,
    100 * months.monthly_return as monthly_return,
    100 * months.year_to_date_return as year_to_date_return
from gold.monthly_returns as months
inner join gold.mart_stock_summary as stocks using (symbol, interval)
where symbol = ${symbol}
order by months.year, months.month
"""

CORPORATE_ACTIONS = f"""
select
    symbol,
    stocks.currency,
    actions.price_date,
    actions.action,
    actions.dividend_amount,
    actions.split_coefficient,
    actions.close,
    100 * actions.payment_yield as payment_yield,
    100 * actions.trailing_yield as trailing_yield
from gold.corporate_actions as actions
inner join gold.mart_stock_summary as stocks using (symbol, interval)
where symbol = ${{symbol}} and actions.price_date between ${{first}} and ${{last}}
order by actions.price_date desc, actions.action
limit {TABLE_ROWS}
"""

BARS = f"""
select
    prices.symbol,
    stocks.currency,
    prices.price_date,
    prices.open,
    prices.high,
    prices.low,
    prices.close,
    prices.split_adjusted_close,
    prices.adjusted_close,
    prices.volume,
    prices.dividend_amount,
    prices.split_coefficient,
    100 * prices.simple_return as simple_return,
    prices.return_zscore,
    100 * prices.volatility_52w as volatility_52w,
    100 * prices.drawdown as drawdown
from {_PRICES}
where {_SHOWN}
order by prices.price_date desc
limit ${{limit}}
"""

# --- Market

BY_SECTOR = """
select
    sector,
    count(*) as symbols,
    100 * percentile_cont(0.5) within group (order by day_return) as median_day_return,
    100 * percentile_cont(0.5) within group (order by weekly_return) as median_weekly_return,
    count(*) filter (where not is_week_over) as weeks_not_over,
    100 * percentile_cont(0.5) within group (order by volatility_52w) as median_volatility,
    100 * percentile_cont(0.5) within group (order by drawdown) as median_drawdown,
    sum(volume)::double precision as volume
from gold.mart_stock_summary
group by sector
order by symbols desc, sector
"""

SECTOR_RETURNS = """
select sector, horizon, place, symbols, 100 * total_return as total_return
from gold.sector_returns
where total_return is not null
order by sector, place
"""

# Volumes differ by powers of ten: four bins each.
VOLUMES = """
select
    10 ^ (floor(4 * log(volume::double precision)) / 4) as volume_from,
    10 ^ ((floor(4 * log(volume::double precision)) + 1) / 4) as volume_to,
    count(*) as symbols
from gold.mart_stock_summary
where volume > 0
group by 1, 2
order by 1
"""

_CORRELATED = f"""
chosen as (

    select symbol, interval, sector
    from gold.mart_stock_summary
    where (${{sector}} = '' or sector = ${{sector}})
        and (cardinality(${{symbols}}) = 0 or symbol = any(${{symbols}}))
        and interval = 'daily'
    -- The most traded of each currency, then the second of each: values in two currencies don't compare.
    order by row_number() over (partition by traded_value_currency order by traded_value desc, symbol), symbol
    limit {CORRELATED}

)
"""

CORRELATION = f"""
with {_CORRELATED},

returns as (

    select prices.symbol, chosen.sector, prices.price_date, prices.simple_return
    from gold.fact_adjusted_prices as prices
    inner join chosen on prices.symbol = chosen.symbol and prices.interval = chosen.interval
    where prices.price_date between ${{first}} and ${{last}} and prices.simple_return is not null

)

select
    one.symbol as symbol,
    other.symbol as other,
    min(one.sector) as sector,
    min(other.sector) as other_sector,
    corr(one.simple_return, other.simple_return) as correlation,
    count(*) as sessions
from returns as one
inner join returns as other on one.price_date = other.price_date and one.symbol < other.symbol
group by one.symbol, other.symbol
having count(*) >= 20
order by 1, 2
"""

# --- Health

RUNS = f"""
select started_at, command, source, series, seconds, steps, exit_code, finished_at is null as is_running, message
from gold.pipeline_runs
order by started_at desc
limit {TABLE_ROWS}
"""

BUILDS = f"""
select build_id, published_at, message
from gold.gold_builds
order by build_id desc
limit {TABLE_ROWS}
"""

REJECTED = f"""
select observed_at, symbol, interval, price_date, rule, reason, raw
from gold.rejected_bars
order by observed_at desc, symbol, price_date
limit {TABLE_ROWS}
"""

RESTATED = f"""
select observed_at, symbol, interval, bars_changed, bars_withdrawn, first_date, last_date, largest_factor
from gold.restatements
order by observed_at desc, symbol
limit {TABLE_ROWS}
"""

HELD = f"""
select symbol, interval, source, held_since, observed_at, rule, reason, rejected_bars
from gold.held_series
order by held_since, symbol
limit {TABLE_ROWS}
"""

SUSPECT = f"""
select observed_at, symbol, interval, price_date, rule, reason
from gold.suspect_bars
order by observed_at desc, symbol, price_date desc
limit {TABLE_ROWS}
"""

WINDOWS = """
select interval, bars_a_year, bars_before
from gold.metric_windows
"""

BUDGET = """
select budget_key, day, used, exhausted_at
from gold.request_budget
order by day desc, budget_key
limit 30
"""

LATE = f"""
select symbol, last_date, expected_last_date, bars, expected_bars, rejected_bars
from gold.mart_stock_summary
where is_stale or bars < expected_bars
order by last_date, symbol
limit {TABLE_ROWS}
"""
