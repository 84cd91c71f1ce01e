{#-
    Detects: five sessions or more in a row with one and the same close.
    Why: a halt, a delisting, or a provider that repeats its last value.
    A row: a run of sessions.
-#}
{{ config(severity='warn') }}

with

changes as (

    select
        symbol,
        price_date,
        close,
        lag(close) over (partition by symbol order by price_date) as previous_close
    from {{ changed_prices(before=4) }}
    where interval = 'daily'

),

runs as (

    select
        *,
        count(*) filter (where close is distinct from previous_close) over (partition by symbol order by price_date)
            as run
    from changes

)

select symbol, close, min(price_date) as first_date, max(price_date) as last_date, count(*) as sessions
from runs
group by symbol, run, close
having count(*) >= 5
