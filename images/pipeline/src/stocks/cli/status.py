"""What `stocks status` tells: runs, freshness, what is held, what the tests found, and the request budget."""

from __future__ import annotations

from stocks.cli.summary import has_gold
from stocks.providers import Unlimited, open_sources
from stocks.report import Report
from stocks.settings import Settings
from stocks.trading_calendar import calendar_of
from stocks.warehouse import Warehouse
from stocks.warehouse.listings import universe
from stocks.warehouse.query import read


def show_status(report: Report, settings: Settings, warehouse: Warehouse) -> None:
    """The last runs, freshness, data quality and the request budget."""
    runs = read(
        warehouse,
        """
        select command, source, started_at, round(extract(epoch from finished_at - started_at), 1)::float as seconds,
               exit_code, message
        from ops.run order by started_at desc limit 10
        """,
    )
    report.rows("run", runs.columns, runs.rows, title="Last runs")
    if not runs.rows:
        report.say("No runs yet. `stocks run` (or `make run`) makes the first one.")
        return
    _show_freshness(report, settings, warehouse)
    if has_gold(warehouse):
        held = read(
            warehouse,
            "select symbol, interval, source, held_since, rule, reason from gold.held_series order by 1, 2, 3",
        )
        report.rows("held", held.columns, held.rows, title="Held series: gold keeps their last good rows")
    quality = read(
        warehouse,
        """
        select rule, model, severity, status, failures from ops.data_quality
        where build_id = (select max(build_id) from ops.gold_build) and status <> 'pass'
        order by severity, rule
        """,
    )
    report.rows("rule", quality.columns, quality.rows, title="What gold's tests found in the last build")
    published = read(
        warehouse,
        """
        select (select max(published_at) from ops.gold_build) as published_at,
               (select count(*) from ops.data_quality where status = 'pass'
                    and build_id = (select max(build_id) from ops.gold_build)) as passed
        """,
    )
    published_at, passed = published.rows[0]
    report.say(f"{passed} tests passed. Gold was published at {published_at or 'no time yet'}.")
    budget = read(
        warehouse,
        """
        select budget_key as key, used, exhausted_at from ops.api_budget
        where day = (now() at time zone 'UTC')::date
        """,
    )
    if budget.rows:
        report.rows("budget", budget.columns, budget.rows, title="Requests today")


def _show_freshness(report: Report, settings: Settings, warehouse: Warehouse) -> None:
    bars = read(
        warehouse,
        """
        select symbol, interval, source, max(price_date) as last_date, max(observed_at) as observed_at
        from silver.price_bar where is_final group by symbol, interval, source order by symbol, interval, source
        """,
    )
    with open_sources(settings, lambda _: Unlimited(), with_keys=False) as sources:
        now = sources[0].now()
    rows, listings = [], universe(warehouse)
    for symbol, interval, source, last_date, observed_at in bars.rows:
        calendar, company = calendar_of(symbol), listings.get(symbol)
        due = calendar.last_settled(now) if interval == "daily" else calendar.last_settled_week(now)
        if last_date >= due:
            state = "up to date"
        elif company and not company.is_listed(due):
            state = company.status.value
        else:
            state = "behind"
        rows.append([symbol, interval, source, last_date, due, state, observed_at])
    report.rows(
        "freshness",
        ["symbol", "interval", "source", "last_date", "due", "state", "observed_at"],
        rows,
        title="Freshness",
    )
