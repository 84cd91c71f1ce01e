{#-
    Detects: final bars that the provider restated though no dividend or split is dated after them.
    Why: an action restates every adjusted close before it. Where there was none, prices or actions themselves were
    revised, and a close as traded should never be. (Of weekly bars a split is not known, so one shows here.)
    A row: the latest restatement of a series, with how far it reaches and the largest factor.
-#}
{{ config(severity='warn') }}

with

latest as (

    select distinct on (symbol, interval)
        symbol, interval, observed_at, bars_changed, first_date, last_date, largest_factor
    from {{ ref('restatements') }}
    {% if has_changes(ref('fact_adjusted_prices')) -%}
    -- Others were judged when they came; of these all bars from the first restated one on are looked at.
    where
        exists (
            select 1
            from {{ part_of(ref('fact_adjusted_prices'), 'replaced') }} as replaced
            where
                replaced.symbol = restatements.symbol
                and replaced.interval = restatements.interval
                and replaced.since <= restatements.first_date
        )
    {% endif -%}
    order by symbol, interval, observed_at desc

)

select
    latest.symbol,
    latest.interval,
    latest.observed_at,
    latest.bars_changed,
    latest.first_date,
    latest.last_date,
    latest.largest_factor
from latest
where not exists (
    select prices.symbol
    from {{ changed(ref('fact_adjusted_prices')) }} as prices
    where
        prices.symbol = latest.symbol
        and prices.interval = latest.interval
        and prices.price_date > latest.last_date
        and (prices.dividend_amount <> 0 or prices.split_coefficient <> 1)
)
