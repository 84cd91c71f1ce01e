{#-
    Detects: a bar on a day on which its exchange held no session.
    Why: windows count bars as sessions; a bar that is none shifts all of them.
    A row: a bar, with the calendar that doesn't know the day.
-#}
select prices.symbol, prices.interval, prices.price_date, stocks.calendar
from {{ changed(ref('fact_adjusted_prices')) }} as prices
inner join {{ ref('dim_stock') }} as stocks on prices.stock_key = stocks.stock_key
left join {{ ref('exchange_sessions') }} as sessions
    on stocks.calendar = sessions.calendar and prices.price_date = sessions.session_date
where sessions.session_date is null
