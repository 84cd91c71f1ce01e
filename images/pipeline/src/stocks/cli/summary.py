"""The tables that `stocks run` ends with, and what a step of a workflow tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from stocks.errors import StocksError
from stocks.providers import PROVIDERS
from stocks.report import Report
from stocks.run import Run
from stocks.settings import Settings
from stocks.warehouse import Warehouse
from stocks.warehouse.query import read

_MORE = """More: stocks status; stocks query 'table gold.mart_stock_summary'; stocks --help"""

_NAMED = 5
"""Tickers that are named with a fault that many have."""

_TICKERS = """
with rejected as (
    -- the rejects of each series' latest answer: a bad row that every answer repeats is one reject
    select symbol, sum(bars_rejected) as rejects
    from (
        select distinct on (symbol, interval) symbol, interval, bars_rejected
        from ops.bronze_object
        where interval is not null and not is_tail
        order by symbol, interval, observed_at desc, load_id desc
    ) as latest
    group by symbol
),
restated as (
    select symbol, sum(bars_changed) as restated from silver.restatement group by symbol
)
select
    symbol,
    bars,
    coalesce(rejects, 0)::bigint as rejects,
    coalesce(restated, 0)::bigint as restated,
    first_date,
    last_date,
    close,
    currency,
    round((100 * volatility_52w)::numeric, 1)::double precision as "volatility_52w_%%"
from gold.mart_stock_summary
left join rejected using (symbol)
left join restated using (symbol)
where %(all)s or symbol = any(%(symbols)s)
order by symbol
"""


def show_run(report: Report, settings: Settings, warehouse: Warehouse, done: Run) -> None:
    """What a run brought: a row a ticker, seconds a stage, what went wrong, how to see more."""
    _show_tickers(report, warehouse, done)
    show_errors(report, done.errors)
    if done.is_unchanged and not done.errors:
        report.say("Nothing new: bronze, silver and gold are as they were.")
    else:
        report.say(_changes(done))
    if done.build is not None and done.build.warnings:
        report.rows(
            "warning",
            ["rule", "model", "rows"],
            done.build.warnings,
            title="Warnings of gold's tests, which stop nothing",
        )
    report.say(
        "Seconds: "
        + ", ".join(f"{name} {seconds:.1f}" for name, seconds in done.seconds.items())
        + f"; {sum(done.seconds.values()):.1f} in all."
    )
    told = " and ".join(PROVIDERS[name].title for name in settings.sources)
    report.say(f"From {told}. {_MORE}")
    report.result(
        exit_code=done.exit_code,
        unchanged=done.is_unchanged,
        seconds=done.seconds,
        errors={subject: error.message for subject, error in done.errors.items()},
    )


def show_step(report: Report, done: Run) -> None:
    """What became of each ticker in a step of a workflow, and what went wrong."""
    for outcome in done.outcomes.values():
        for symbol, what in outcome.done.items():
            report.say(f"{symbol}: {what}")
    show_errors(report, {subject: error for subject, error in done.errors.items() if subject not in done.failed})
    for error in done.failed.values():
        report.fail("", error)


def show_errors(report: Report, errors: Mapping[str, StocksError]) -> None:
    """Each fault once, with the first few tickers that met it and the number of the others; the run log has all."""
    alike: dict[tuple[type[StocksError], str, str], list[str]] = defaultdict(list)
    for subject, error in errors.items():
        symbol = subject.partition(" ")[0]  # where several sources were asked: IBM (tiingo)
        alike[type(error), error.message.removeprefix(f"{symbol}: "), error.hint].append(subject)
    for (kind, message, hint), subjects in alike.items():
        more = f" and {len(subjects) - _NAMED:,} more" if len(subjects) > _NAMED else ""
        error = errors[subjects[0]] if len(subjects) == 1 else kind(message, hint=hint)
        report.fail(", ".join(subjects[:_NAMED]) + more, error)


def _show_tickers(report: Report, warehouse: Warehouse, done: Run) -> None:
    """A row a ticker; where one failed, a last column says why, and the errors below say more."""
    if has_gold(warehouse):
        found = read(warehouse, _TICKERS, {"all": not done.tickers, "symbols": done.tickers})
        columns, values = found.columns, {row[0]: row for row in found.rows}
    else:
        columns, values = ["symbol"], {}
    rows = [values.get(symbol, (symbol, *(None for _ in columns[1:]))) for symbol in done.tickers or values]
    if any(symbol in done.errors for symbol in done.tickers):
        columns = [*columns, "note"]
        rows = [(*row, done.errors[row[0]].kind if row[0] in done.errors else "") for row in rows]
    report.rows("ticker", columns, rows)


def has_gold(warehouse: Warehouse) -> bool:
    """Whether gold was ever published."""
    return read(warehouse, "select to_regclass('gold.mart_stock_summary') is not null").rows == [(True,)]


def _changes(done: Run) -> str:
    counts = done.counts
    parts = [
        _count(done.fetched, "new answer"),
        f"{_count(counts.inserted, 'bar')} inserted",
        f"{counts.restated:,} restated",
        f"{counts.unchanged:,} unchanged",
        f"{counts.rejected:,} rejected",
    ]
    if build := done.build:
        found = (_count(build.models, "model"), _count(build.tests, "test"), _count(len(build.warnings), "warning"))
        parts.append(f"gold published: {', '.join(found)}")
    return ", ".join(parts) + "."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
