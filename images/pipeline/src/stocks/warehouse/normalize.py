"""What bronze holds, judged and loaded into silver: what is new, or all of it again.

A fault of one ticker is collected and not raised, so that the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from stocks.bronze import Bronze, ObjectKey
from stocks.errors import DataError, MalformedPayload
from stocks.outcome import LoadCounts, Outcome
from stocks.providers import provider_of
from stocks.report import Report
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of
from stocks.warehouse.connection import Connection, Role, Warehouse
from stocks.warehouse.load import Load, analyze, forget_company, load, load_company, pending, refusals, reload


def normalize(bronze: Bronze, warehouse: Warehouse, tickers: Sequence[str], *, report: Report) -> Outcome:
    """Loads what bronze holds of each ticker and silver has not seen yet, oldest first."""
    outcome = Outcome()
    report.begin("normalize", len(tickers))
    with warehouse.connect(Role.WRITER) as connection:
        for done, symbol in enumerate(tickers, start=1):
            own = LoadCounts()
            keys = pending(connection, bronze.objects(symbol))
            for key in keys:
                try:
                    own.add(load(connection, _parse(bronze, key)))
                except DataError as error:
                    # It is corrupt, or of a source that is known no more. A newer answer holds the same history; this
                    # one stays pending, and is named at every run.
                    outcome.errors[symbol] = error
            for key in pending(connection, bronze.objects(symbol, area="reference")):
                try:
                    load_company(connection, key, _company(bronze, key))
                except DataError as error:
                    outcome.errors.setdefault(symbol, error)
            _note_refusal(connection, symbol, outcome)
            outcome.done[symbol] = f"{own.changed:,} bars changed" if keys else "nothing new"
            outcome.counts.add(own)
            report.advance("normalize", done, symbol)
        if outcome.counts.changed:
            analyze(connection)
    outcome.detail["counts"] = asdict(outcome.counts)
    return outcome


def replay(
    bronze: Bronze, warehouse: Warehouse, tickers: Sequence[str], *, as_of: datetime | None, report: Report
) -> Outcome:
    """Builds each ticker's silver again from bronze alone, with what was known at a moment (aware; None: all)."""
    outcome = Outcome(tickers=list(tickers))
    report.begin("replay", len(tickers))
    with warehouse.connect(Role.WRITER) as connection:
        for done, symbol in enumerate(tickers, start=1):
            keys = _known(bronze.objects(symbol), as_of)
            overviews = _known(bronze.objects(symbol, area="reference"), as_of)
            try:
                with connection.transaction():
                    counts = reload(connection, symbol, (_parse(bronze, key) for key in keys))
                    forget_company(connection, symbol)
                    for key in overviews:
                        load_company(connection, key, _company(bronze, key))
                outcome.counts.add(counts)
                outcome.done[symbol] = f"{len(keys)} answers"
            except DataError as error:
                outcome.errors[symbol] = error
            _note_refusal(connection, symbol, outcome)
            report.advance("replay", done, symbol)
        analyze(connection)
    outcome.detail["counts"] = asdict(outcome.counts)
    return outcome


def _known(keys: list[ObjectKey], as_of: datetime | None) -> list[ObjectKey]:
    return [key for key in keys if as_of is None or key.observed_at <= as_of]


def _note_refusal(connection: Connection, symbol: str, outcome: Outcome) -> None:
    """An answer that was refused stays an error of its ticker until a better one comes."""
    for source, why in refusals(connection, symbol).items():
        error = DataError(f"The latest answer of {source} for {symbol} was refused: {why}")
        outcome.errors.setdefault(symbol, error)


def _parse(bronze: Bronze, key: ObjectKey) -> Load:
    provider = provider_of(key.source)
    endpoint = provider.endpoint(key.endpoint)
    if endpoint.interval is None:
        raise DataError(f"{key.endpoint} of {key.source} gives no bars.")
    body = bronze.read(key)
    try:
        series = judge_series(
            provider.read(body, endpoint),
            symbol=key.symbol,
            interval=endpoint.interval,
            observed_at=key.observed_at,
            calendar=calendar_of(key.symbol),
            adjustment=provider.adjustment,
        )
    except MalformedPayload as error:
        series = ParsedSeries.refusal(error.message)
    return Load(key, endpoint.interval, series)


def _company(bronze: Bronze, key: ObjectKey) -> dict[str, str | None]:
    return provider_of(key.source).read_company(bronze.read(key), key.symbol)
