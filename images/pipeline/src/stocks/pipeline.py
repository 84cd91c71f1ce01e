"""The steps themselves. Each takes its input as arguments and is safe to repeat and to kill at any moment.

A fault of one ticker is collected and not raised, so that the others go on; what stops every ticker (no key,
no quota, a store that is down) ends the step at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice

from stocks.bronze import Bronze, ObjectKey, area_of
from stocks.errors import (
    ConfigError,
    CorruptObject,
    DataError,
    MalformedPayload,
    QuotaSpent,
    StocksError,
    StoreUnavailable,
    WarehouseUnavailable,
)
from stocks.outcome import LoadCounts, Outcome
from stocks.report import Report
from stocks.silver import ParsedSeries, interval_of, parse_overview, parse_series
from stocks.source import Endpoint, Source
from stocks.trading_calendar import calendar_of
from stocks.universe import listed, unique
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.load import (
    Load,
    analyze,
    forget_company,
    load,
    load_company,
    pending,
    refusal,
    reload,
)

# Not one ticker's fault: the next one would fail in the same way, and perhaps cost a request.
_STOPS_ALL = (ConfigError, QuotaSpent, StoreUnavailable, WarehouseUnavailable)


def plan(source: Source, tickers: Sequence[str] = ()) -> list[str]:
    """The tickers to fetch: those asked for, else the universe's that the source has on its day."""
    if tickers:
        return unique(tickers)
    known = source.symbols()
    return [symbol for symbol in listed(source.now().date()) if known is None or symbol in known]


def batches(tickers: Iterable[str], size: int) -> Iterator[list[str]]:
    """The tickers in lists of at most `size`."""
    rest = iter(tickers)
    while batch := list(islice(rest, size)):
        yield batch


def extract(
    source: Source,
    bronze: Bronze,
    tickers: Sequence[str],
    *,
    endpoints: Sequence[Endpoint],
    report: Report,
    force: bool = False,
) -> Outcome:
    """Fetches each ticker's answer into bronze, unless bronze holds one that nothing can be newer than.

    Args:
        source: The provider.
        bronze: Where answers are kept.
        tickers: Symbols.
        endpoints: What to fetch of each.
        report: Told of each ticker.
        force: Fetch even where no session has ended since the latest answer.
    """
    outcome = Outcome()
    stopped: StocksError | None = None
    report.begin("extract", len(tickers))
    for done, symbol in enumerate(tickers, start=1):
        try:
            if stopped is not None:
                raise stopped
            written = _extract_one(source, bronze, symbol, endpoints, force=force)
            outcome.written += written
            outcome.done[symbol] = "new answer" if written else "nothing new"
        except StocksError as error:
            outcome.errors[symbol] = error
            if isinstance(error, _STOPS_ALL):
                stopped = error
        report.advance("extract", done, symbol)
    outcome.detail["fetched"] = outcome.written
    return outcome


def _extract_one(source: Source, bronze: Bronze, symbol: str, endpoints: Sequence[Endpoint], *, force: bool) -> int:
    """Fetches what is missing of one ticker; gives the number of answers that were new."""
    written = 0
    for endpoint in endpoints:
        held = bronze.objects(symbol, area=area_of(endpoint), endpoint=endpoint, source=source.name)
        if not force and held and held[-1].observed_at >= _newest_possible(symbol, endpoint, source.now()):
            continue
        try:
            answer = source.fetch(endpoint, symbol)
        except StocksError as error:
            if error.body is not None:
                bronze.quarantine(source.name, endpoint, symbol, source.now(), error.body)
            raise
        _, is_new = bronze.put(answer)
        written += is_new
    return written


def _newest_possible(symbol: str, endpoint: Endpoint, now: datetime) -> datetime:
    """From which moment on the provider can't have had anything newer until now."""
    if endpoint is Endpoint.OVERVIEW:
        return now - timedelta(days=30)  # attributes change rarely, and a request of the day is dear
    calendar = calendar_of(symbol)
    return calendar.settled_at(calendar.last_settled(now))


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
                except CorruptObject as error:
                    # A newer answer holds the same history; this one stays pending, and is named at every run.
                    outcome.errors[symbol] = error
            for key in pending(connection, bronze.objects(symbol, area="reference")):
                try:
                    load_company(connection, key, parse_overview(bronze.read(key), symbol=symbol))
                except (CorruptObject, MalformedPayload) as error:
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
                        load_company(connection, key, parse_overview(bronze.read(key), symbol=symbol))
                outcome.counts.add(counts)
                outcome.done[symbol] = f"{len(keys)} answers"
            except (CorruptObject, MalformedPayload) as error:
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
    if refused := refusal(connection, symbol):
        outcome.errors.setdefault(symbol, DataError(f"The latest answer for {symbol} was refused: {refused}"))


def _parse(bronze: Bronze, key: ObjectKey) -> Load:
    endpoint = Endpoint(key.endpoint)
    try:
        series = parse_series(
            bronze.read(key),
            symbol=key.symbol,
            endpoint=endpoint,
            observed_at=key.observed_at,
            calendar=calendar_of(key.symbol),
        )
    except MalformedPayload as error:
        series = ParsedSeries.refusal(error.message)
    return Load(key, interval_of(endpoint), series)
