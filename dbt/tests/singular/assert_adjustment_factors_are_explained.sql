{#-
    Detects: a jump of adjusted_close / close that the session's dividend and split don't explain: with dividend D and
    split coefficient S, factor(t-1) / factor(t) must be C / (C + D) / S, or 1 / S - D / P with the close P before,
    by the source's convention.
    Why: it is what a series on two bases looks like (history from before a restatement, days from after it); its
    returns are wrong at that day by the whole action.
    A row: a daily bar, with the ratio expected and got. The tolerance is 1e-6; the provider prints dividends and splits
    with four decimals, and adjusted closes at times, so what half of the last is worth is allowed too. A bar after a
    missing session is not judged: the action may have been that session's. This is the rule of
    stocks.silver.adjustment, which holds a series back before it can fail here.
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
        case
            when abs(prices.adjusted_close * 1e4 - round(prices.adjusted_close * 1e4)) < 1e-3
                then 0.00005 / nullif(abs(prices.adjusted_close), 0)
            else 0
        end as printed,
        sessions.session_number - lag(sessions.session_number) over series as sessions_between
    from {{ ref('fact_adjusted_prices') }} as prices
    inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
    inner join {{ ref('dim_source') }} as sources on prices.source_key = sources.source_key
    inner join {{ ref('exchange_sessions') }} as sessions
        on stocks.calendar = sessions.calendar and prices.price_date = sessions.session_date
    where prices.interval = 'daily'
    window series as (partition by prices.symbol order by prices.price_date)

),

-- What the link leaves for the split to tell (1 / S), and what half a decimal of the dividend is in it.
unexplained as (

    select
        *,
        case adjustment
            when 'reinvest_ex_close' then factor_ratio * (close + dividend_amount) / nullif(close, 0)
            when 'previous_close' then factor_ratio + dividend_amount / nullif(previous_close, 0)
        end as left_to_split,
        1 / nullif(split_coefficient, 0) as told_by_split,
        case when dividend_amount = 0 then 0 else 0.00005 end
        * case adjustment
            when 'reinvest_ex_close' then factor_ratio / nullif(close, 0)
            when 'previous_close' then 1 / nullif(previous_close, 0)
        end as dividend_rounding,
        case when split_coefficient = 1 then 0 else 0.00005 / nullif(abs(split_coefficient), 0) end as split_rounding,
        printed + lag(printed) over (partition by symbol order by price_date) as price_rounding,
        case adjustment
            when 'reinvest_ex_close' then close / nullif((close + dividend_amount) * split_coefficient, 0)
            when 'previous_close' then 1 / nullif(split_coefficient, 0) - dividend_amount / nullif(previous_close, 0)
        end as expected_ratio
    from neighbours

)

select symbol, price_date, dividend_amount, split_coefficient, expected_ratio, factor_ratio
from unexplained
where
    sessions_between = 1
    and not abs(left_to_split - told_by_split)
    <= greatest(left_to_split, told_by_split) * (1e-6 + split_rounding)
    + left_to_split * price_rounding
    + dividend_rounding
