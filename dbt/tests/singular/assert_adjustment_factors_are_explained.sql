{#-
    Detects: a jump of adjusted_close / close that the session's dividend and split don't explain: with dividend D and
    split coefficient S, factor(t-1) / factor(t) must be C / (C + D) / S, or 1 / S - D / P with the close P before,
    by the source's convention.
    Why: it is what a series on two bases looks like (history from before a restatement, days from after it); its
    returns are wrong at that day by the whole action.
    A row: a daily bar, with the ratio expected and got. The tolerance is 1e-6; the provider gives dividends and splits
    with four decimals, so a day with an action may also be off by that rounding. A bar after a missing session is
    not judged: the action may have been that session's.
-#}
with

neighbours as (

    select
        prices.symbol,
        prices.interval,
        prices.price_date,
        prices.close,
        prices.dividend_amount,
        prices.split_coefficient,
        sources.adjustment,
        lag(prices.close) over series as previous_close,
        lag(prices.adjusted_close / nullif(prices.close, 0)) over series
        / nullif(prices.adjusted_close / nullif(prices.close, 0), 0) as factor_ratio,
        sessions.session_number - lag(sessions.session_number) over series as sessions_between
    from {{ ref('fact_adjusted_prices') }} as prices
    inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
    inner join {{ ref('dim_source') }} as sources on prices.source_key = sources.source_key
    inner join {{ ref('exchange_sessions') }} as sessions
        on stocks.calendar = sessions.calendar and prices.price_date = sessions.session_date
    where prices.interval = 'daily'
    window series as (partition by prices.symbol order by prices.price_date)

),

explained as (

    select
        *,
        case adjustment
            when 'reinvest_ex_close' then close / nullif((close + dividend_amount) * split_coefficient, 0)
            when 'previous_close' then 1 / nullif(split_coefficient, 0) - dividend_amount / nullif(previous_close, 0)
        end as expected_ratio,
        1e-6
        + case when dividend_amount <> 0 then 0.00005 / nullif(abs(close), 0) else 0 end
        + case when split_coefficient <> 1 then 0.00005 / nullif(abs(split_coefficient), 0) else 0 end as tolerance
    from neighbours

)

select symbol, price_date, dividend_amount, split_coefficient, expected_ratio, factor_ratio
from explained
where sessions_between = 1 and not abs(factor_ratio / expected_ratio - 1) <= tolerance
