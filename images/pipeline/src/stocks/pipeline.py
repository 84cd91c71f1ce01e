"""The steps themselves. Each takes its input as arguments and is safe to repeat and to kill at any moment.

A fault of one ticker is collected and not raised, so that the others go on; what stops every ticker (no key,
no quota, a store that is down) ends the step at once.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
from stocks.gold import GoldBuild, build_gold
from stocks.silver import ParsedSeries, interval_of, parse_overview, parse_series
from stocks.source import Endpoint, Source
from stocks.trading_calendar import calendar_of
from stocks.universe import listed, unique
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.due import Unseen, is_gold_due, unseen
from stocks.warehouse.load import (
    Load,
    LoadCounts,
    analyze,
    forget_company,
    load,
    load_company,
    pending,
    refusal,
    reload,
)

if TYPE_CHECKING:
    from argodbt.dbt import NodeEnd

# Not one ticker's fault: the next one would fail in the same way, and perhaps cost a request.
_STOPS_ALL = (ConfigError, QuotaSpent, StoreUnavailable, WarehouseUnavailable)


class Report(Protocol):
    """Tells the person, or the log, how the work goes."""

    def begin(self, stage: str, total: int) -> None:
        """A stage has begun; it will have `total` parts."""

    def advance(self, stage: str, done: int, label: str) -> None:
        """So many parts of the stage are done; the last one was `label`."""

    def say(self, message: str) -> None:
        """Something worth knowing happened."""


@dataclass(kw_only=True)
class Outcome:
    """What a fan-out step did, ticker by ticker."""

    done: dict[str, str] = field(default_factory=dict)
    """What happened to each ticker."""
    written: int = 0
    """New answers in bronze."""
    errors: dict[str, StocksError] = field(default_factory=dict)
    """The tickers that failed, and why."""
    counts: LoadCounts = field(default_factory=LoadCounts)


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
    return outcome


def replay(
    bronze: Bronze, warehouse: Warehouse, tickers: Sequence[str], *, as_of: datetime | None, report: Report
) -> Outcome:
    """Builds each ticker's silver again from bronze alone, with what was known at a moment (aware; None: all)."""
    outcome = Outcome()
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


def commit(warehouse: Warehouse) -> Unseen:
    """What changed in silver since the gold that is published was built, and whether gold is due for it."""
    return unseen(warehouse)


def gold(
    warehouse: Warehouse,
    *,
    run_id: uuid.UUID,
    artifacts: Path,
    report: Report,
    full_refresh: bool,
    only_if_changed: bool,
) -> GoldBuild | None:
    """Builds, tests and publishes gold; None where it is current already and only changes are asked for."""
    if only_if_changed and not is_gold_due(warehouse):
        return None
    progress = _NodeProgress(report)
    return build_gold(warehouse, run_id=run_id, artifacts=artifacts, progress=progress, full_refresh=full_refresh)


class _NodeProgress:
    """Turns what dbt's threads tell of their nodes into a stage that begins once and moves forward only."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._done = 0

    def __call__(self, end: NodeEnd) -> None:
        with self._lock:
            if self._done == 0:
                self._report.begin("gold", end.total)
            self._done += 1
            self._report.advance("gold", self._done, end.name)
