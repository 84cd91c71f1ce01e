{#-
    Detects: a calendar whose known holidays end within a year.
    Why: after them every weekday counts as a session; there is time to make tools/exchange_holidays.py know more.
    A row: a calendar that symbols with bars trade by, its last known day, and how many symbols.
-#}
{{ config(severity='warn') }}

select
    known.calendar,
    known.known_to,
    count(*) as symbols
from {{ ref('exchange_calendar') }} as known
inner join {{ ref('dim_stock') }} as stocks on known.calendar = stocks.calendar
where
    known.known_to < current_date + interval '1 year'
    and stocks.symbol in (select sources.symbol from {{ ref('series_source') }} as sources)
group by known.calendar, known.known_to
