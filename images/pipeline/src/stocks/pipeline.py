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
from typing import Protocol

from stocks.bronze import Bronze, ObjectKey, area_of
from stocks.errors import (
    ConfigError,
    DataError,
    MalformedPayload,
    QuotaSpent,
    StocksError,
    StoreUnavailable,
    UnknownSymbol,
    WarehouseUnavailable,
)
from stocks.gold import GoldBuild, build_gold, is_current
from stocks.gold.dbt import NodeEnd
from stocks.providers import Endpoint, Source, provider_of
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of
from stocks.universe import companies, listed, unique
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.connection import Connection
from stocks.warehouse.load import (
    Load,
    LoadCounts,
    analyze,
    forget_company,
    load,
    load_company,
    pending,
    refusals,
    reload,
)

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


def plan(sources: Sequence[Source], tickers: Sequence[str] = ()) -> list[str]:
    """The tickers to fetch: those asked for, else the universe's that any of the sources may have on its day."""
    if tickers:
        return unique(tickers)
    wanted = {symbol for source in sources for symbol in listed(source.now().date()) if source.has(symbol)}
    return [symbol for symbol in companies() if symbol in wanted]


def batches(tickers: Iterable[str], size: int) -> Iterator[list[str]]:
    """The tickers in lists of at most `size`."""
    rest = iter(tickers)
    while batch := list(islice(rest, size)):
        yield batch


def extract(
    sources: Sequence[Source],
    bronze: Bronze,
    tickers: Sequence[str],
    *,
    report: Report,
    force: bool = False,
    overview: bool = False,
) -> Outcome:
    """Fetches each ticker's answer of each source into bronze, unless bronze holds one that nothing can be newer than.

    What stops one source (its quota, its key) doesn't stop the others.

    Args:
        sources: Each gives its own series.
        bronze: Where answers are kept.
        tickers: Symbols.
        report: Told of each ticker.
        force: Fetch even where no session has ended since the latest answer.
        overview: Fetch the company's attributes too, from sources that have them.
    """
    outcome = Outcome()
    stopped: dict[str, StocksError] = {}
    for source in sources:
        if source.provider.choice and source.is_default_series:
            report.say(source.provider.choice)
    report.begin("extract", len(tickers))
    for done, symbol in enumerate(tickers, start=1):
        asked = [source for source in sources if source.has(symbol)]
        if not asked:
            names = " and ".join(source.provider.title for source in sources)
            outcome.errors[symbol] = UnknownSymbol(
                f"{symbol}: the provider does not know the symbol, and was not asked: {names}."
            )
        for source in asked:
            label = symbol if len(sources) == 1 else f"{symbol} ({source.name})"
            try:
                if source.name in stopped:
                    raise stopped[source.name]
                written = _extract_one(source, bronze, symbol, force=force, overview=overview)
                outcome.written += written
                outcome.done[label] = "new answer" if written else "nothing new"
            except StocksError as error:
                outcome.errors[label] = error
                if isinstance(error, _STOPS_ALL) and not _is_of_symbol(error):
                    stopped[source.name] = error
        report.advance("extract", done, symbol)
    return outcome


def _is_of_symbol(error: StocksError) -> bool:
    """Whether only new symbols meet it: a month's number of them is spent."""
    return isinstance(error, QuotaSpent) and error.period == "month"


def _extract_one(source: Source, bronze: Bronze, symbol: str, *, force: bool, overview: bool) -> int:
    """Fetches what is missing of one ticker; gives the number of answers that were new."""
    written = 0
    facts = [endpoint for endpoint in source.provider.endpoints if overview and endpoint.interval is None]
    for endpoint in [source.series, *facts]:
        held = bronze.objects(symbol, area=area_of(endpoint), endpoint=endpoint.name, source=source.name)
        if not force and held and held[-1].observed_at >= _newest_possible(symbol, endpoint, source.now()):
            continue
        try:
            answer = source.fetch(endpoint, symbol)
        except StocksError as error:
            if error.body is not None:
                bronze.quarantine(source.name, endpoint.name, symbol, source.now(), error.body)
            raise
        _, is_new = bronze.put(answer)
        written += is_new
    return written


def _newest_possible(symbol: str, endpoint: Endpoint, now: datetime) -> datetime:
    """From which moment on the provider can't have had anything newer until now."""
    if endpoint.interval is None:
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
                        load_company(connection, key, _company(bronze, key))
                outcome.counts.add(counts)
                outcome.done[symbol] = f"{len(keys)} answers"
            except DataError as error:
                outcome.errors[symbol] = error
            _note_refusal(connection, symbol, outcome)
            report.advance("replay", done, symbol)
        analyze(connection)
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


def commit(warehouse: Warehouse) -> int:
    """How many bars changed in silver since the gold that is published was built."""
    with warehouse.connect(Role.READER) as connection:
        row = connection.execute(
            """
            select coalesce(sum(bars_changed), 0) from ops.bronze_object
            where load_id > coalesce(
                (select load_id from ops.gold_build where published_at is not null order by build_id desc limit 1), 0
            )
            """
        ).fetchone()
    assert row is not None
    return int(row[0])


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
    if only_if_changed and is_current(warehouse):
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
