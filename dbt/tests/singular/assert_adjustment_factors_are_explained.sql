{#-
    Detects: a jump of adjusted_close / close that the session's dividend and split don't explain: with dividend D and
    split coefficient S, factor(t-1) / factor(t) must be C / (C + D) / S, or 1 / S - D / P with the close P before,
    by the source's convention.
    Why: it is what a series on two bases looks like (history from before a restatement, days from after it); its
    returns are wrong at that day by the whole action.
    A row: a bar, with the ratio expected and got. The tolerance is 1e-6; the provider prints dividends and splits
    with four decimals, and adjusted closes at times, so what half of the last is worth is allowed too. A weekly bar
    doesn't tell its ex-date: C and P are any price of the week. A bar after a missing session (weekly, after a missing
    week) is not judged: the action may have been that session's. This is the rule of stocks.silver.adjustment, which
    holds a series back before it can fail here.
-#}
with

neighbours as (

    select
        prices.symbol,
        prices.interval,
        prices.price_date,
        prices.dividend_amount,
        prices.split_coefficient,
        sources.adjustment,
        case
            when prices.interval = 'weekly'
                then case sources.adjustment
                    when 'reinvest_ex_close' then prices.low
                    when 'previous_close' then least(prices.low, lag(prices.close) over series)
                end
            when sources.adjustment = 'reinvest_ex_close' then prices.close
            when sources.adjustment = 'previous_close' then lag(prices.close) over series
        end as lowest,
        case
            when prices.interval = 'weekly'
                then case sources.adjustment
                    when 'reinvest_ex_close' then prices.high
                    when 'previous_close' then greatest(prices.high, lag(prices.close) over series)
                end
            when sources.adjustment = 'reinvest_ex_close' then prices.close
            when sources.adjustment = 'previous_close' then lag(prices.close) over series
        end as highest,
        lag(prices.adjusted_close / nullif(prices.close, 0)) over series
        / nullif(prices.adjusted_close / nullif(prices.close, 0), 0) as factor_ratio,
        case
            when abs(prices.adjusted_close * 1e4 - round(prices.adjusted_close * 1e4)) < 1e-3
                then 0.00005 / nullif(abs(prices.adjusted_close), 0)
            else 0
        end as printed,
        case prices.interval
            when 'daily' then sessions.session_number - lag(sessions.session_number) over series
            else sessions.week_number - lag(sessions.week_number) over series
        end as steps
    from {{ changed_prices(before=1) }} as prices
    inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
    inner join {{ ref('dim_source') }} as sources on prices.source_key = sources.source_key
    inner join {{ ref('exchange_sessions') }} as sessions
        on stocks.calendar = sessions.calendar and prices.price_date = sessions.session_date
    window series as (partition by prices.symbol, prices.interval order by prices.price_date)

),

-- How many shares a dividend bought, for each that its price would have bought.
weighted as (

    select
        *,
        case adjustment when 'reinvest_ex_close' then factor_ratio when 'previous_close' then 1 end as weight,
        printed + lag(printed) over (partition by symbol, interval order by price_date) as price_rounding
    from neighbours

),

-- What the link leaves for the split to tell (1 / S), and what half a decimal of the dividend is in it.
unexplained as (

    select
        *,
        factor_ratio + weight * dividend_amount / nullif(highest, 0) as at_least,
        factor_ratio + weight * dividend_amount / nullif(lowest, 0) as at_most,
        1 / nullif(split_coefficient, 0) as told_by_split,
        case when dividend_amount = 0 then 0 else 0.00005 end * weight / nullif(lowest, 0) as dividend_rounding,
        case when split_coefficient = 1 then 0 else 0.00005 / nullif(abs(split_coefficient), 0) end as split_rounding,
        case adjustment
            when 'reinvest_ex_close' then lowest / nullif((lowest + dividend_amount) * split_coefficient, 0)
            when 'previous_close' then 1 / nullif(split_coefficient, 0) - dividend_amount / nullif(lowest, 0)
        end as expected_ratio
    from weighted

)

select symbol, interval, price_date, dividend_amount, split_coefficient, expected_ratio, factor_ratio
from unexplained
where
    steps = 1
    and not greatest(at_least - told_by_split, told_by_split - at_most)
    <= greatest(at_most, told_by_split) * (1e-6 + split_rounding)
    + at_most * price_rounding
    + dividend_rounding
