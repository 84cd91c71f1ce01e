"""What bronze holds, judged and loaded into silver: what is new, or all of it again.

A fault of one ticker is collected and not raised, so that the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from stocks.bronze import Bronze, ObjectKey
from stocks.bronze.extract import batches
from stocks.bronze.side_by_side import Handover, in_thread
from stocks.errors import DataError, MalformedPayload
from stocks.outcome import LoadCounts, Outcome
from stocks.providers import provider_of
from stocks.report import Report
from stocks.silver import ParsedSeries, judge_series
from stocks.silver.rules import ACCEPTABLE
from stocks.silver.tail import judge_tail
from stocks.trading_calendar import calendar_of
from stocks.warehouse.connection import Connection, Role, Warehouse
from stocks.warehouse.load import (
    Company,
    Load,
    Refusal,
    analyze,
    forget_company,
    load_apart,
    load_company,
    pending,
    refusals,
    reload,
)
from stocks.warehouse.tails import SeriesName, held_until

T = TypeVar("T", Load, Company)

_TICKERS_AT_ONCE = 50
_BARS_AT_ONCE = 20_000
"""Three long series: more in one transaction is no faster."""


def normalize(
    bronze: Bronze,
    warehouse: Warehouse,
    tickers: Sequence[str],
    *,
    report: Report,
    sources: Collection[str] = (),
    handed: Handover[str] | None = None,
) -> Outcome:
    """Loads what bronze holds of each ticker and silver has not seen yet, oldest first.

    Args:
        bronze: Where answers are kept.
        warehouse: Where bars are loaded.
        tickers: Symbols.
        report: Told of each ticker.
        sources: Those in force: what others last answered is nobody's fault any more. All where empty.
        handed: The tickers in the order in which they become ready, where others are still being fetched.
    """
    outcome, done = Outcome(), 0
    report.begin("normalize", len(tickers))
    with warehouse.connect(Role.WRITER) as connection:
        for batch in handed.batches(_TICKERS_AT_ONCE) if handed else batches(tickers, _TICKERS_AT_ONCE):
            _normalize(bronze, connection, batch, sources, outcome)
            done += len(batch)
            report.advance("normalize", done, batch[-1])
        if outcome.counts.changed:
            analyze(connection)
    outcome.detail["counts"] = asdict(outcome.counts)
    return outcome


def _normalize(
    bronze: Bronze, connection: Connection, tickers: Sequence[str], sources: Collection[str], outcome: Outcome
) -> None:
    """Loads what is new of a batch of tickers, and notes what became of each."""
    held = {symbol: bronze.held(symbol) for symbol in tickers}
    overviews = {symbol: bronze.held(symbol, area="reference") for symbol in tickers}
    new = set(pending(connection, [key for found in (*held.values(), *overviews.values()) for key in found.keys]))
    faults = {symbol: _Faults() for symbol in tickers}
    counts = {symbol: LoadCounts() for symbol in tickers}
    until = held_until(connection, {key.symbol for key in new if key.is_tail})

    def parsed_tail(bronze: Bronze, key: ObjectKey) -> Load:
        return parse(bronze, key, until)

    parsed = (one for symbol in tickers for one in _read(parsed_tail, bronze, held[symbol].keys, new, faults[symbol]))
    for loads in _ahead(_full(parsed)):
        for symbol, ended in load_apart(connection, loads).items():
            if isinstance(ended, DataError):
                faults[symbol]["series", "", False] = ended
            else:
                counts[symbol].add(ended)
    for symbol in tickers:
        for company in _read(_company, bronze, overviews[symbol].keys, new, faults[symbol]):
            load_company(connection, company)
    refused = refusals(connection, tickers)
    for symbol in tickers:
        for fault in (*faults[symbol].values(), held[symbol].stray, overviews[symbol].stray):
            if fault:
                outcome.errors.setdefault(symbol, fault)
        _note_refusal(symbol, refused.get(symbol, ()), sources, outcome)
        is_new = not new.isdisjoint(held[symbol].keys)
        outcome.done[symbol] = f"{counts[symbol].changed:,} bars changed" if is_new else "nothing new"
        outcome.counts.add(counts[symbol])


def _full(loads: Iterable[Load]) -> Iterator[list[Load]]:
    """The loads in lists that are worth a transaction, and no larger than memory likes."""
    full, bars = list[Load](), 0
    for one in loads:
        full.append(one)
        bars += len(one.series.bars)
        if bars >= _BARS_AT_ONCE:
            yield full
            full, bars = [], 0
    if full:
        yield full


def _ahead(made: Iterator[list[Load]]) -> Iterator[list[Load]]:
    """Each of what is made, while a thread makes the next: answers are decoded while the server takes others."""
    following = in_thread(partial(next, made, None))
    while (one := following()) is not None:
        following = in_thread(partial(next, made, None))
        yield one


def replay(
    bronze: Bronze,
    warehouse: Warehouse,
    tickers: Sequence[str],
    *,
    as_of: datetime | None,
    report: Report,
    sources: Collection[str] = (),
) -> Outcome:
    """Builds each ticker's silver again from bronze alone, with what was known at a moment (aware; None: all).

    The other arguments are those of `normalize`.
    """
    outcome = Outcome(tickers=list(tickers))
    report.begin("replay", len(tickers))
    with warehouse.connect(Role.WRITER) as connection:

        def parsed_in_turn(bronze: Bronze, key: ObjectKey) -> Load:
            return parse(bronze, key, held_until(connection, [key.symbol]) if key.is_tail else {})

        for done, symbol in enumerate(tickers, start=1):
            held, told = bronze.held(symbol), bronze.held(symbol, area="reference")
            keys, overviews = _known(held.keys, as_of), _known(told.keys, as_of)
            try:
                # Apart: what is wrong with the company leaves its prices alone.
                faults = _Faults()
                with connection.transaction():
                    counts = reload(connection, symbol, _read(parsed_in_turn, bronze, keys, keys, faults))
                    faults.check()
                outcome.counts.add(counts)
                with connection.transaction():
                    forget_company(connection, symbol)
                    for company in _read(_company, bronze, overviews, overviews, faults):
                        load_company(connection, company)
                    faults.check()
                outcome.done[symbol] = f"{len(keys)} answers"
            except DataError as error:
                outcome.errors[symbol] = error
            if stray := held.stray or told.stray:
                outcome.errors.setdefault(symbol, stray)
            _note_refusal(symbol, refusals(connection, [symbol]).get(symbol, ()), sources, outcome)
            report.advance("replay", done, symbol)
        analyze(connection)
    outcome.detail["counts"] = asdict(outcome.counts)
    return outcome


class _Faults(dict[tuple[str, str, bool], DataError]):
    """Why objects can't be read, by area, source and whether it is a tail: corrupt, gone, of no time or source.

    Only while it is the latest: a newer answer holds the same history, and a tail the bars of tails before it. Until
    then such an object stays pending and is named at every run, and one that was restored is loaded.
    """

    def check(self) -> None:
        """Raises the first."""
        for fault in self.values():
            raise fault


def _read(
    read: Callable[[Bronze, ObjectKey], T],
    bronze: Bronze,
    held: Sequence[ObjectKey],
    wanted: Collection[ObjectKey],
    faults: _Faults,
) -> Iterator[T]:
    """Those of the held objects, oldest first, that are wanted and can be read."""
    for key in held:
        try:
            key.check_time(datetime.now(UTC))
            found = read(bronze, key) if key in wanted else None
        except DataError as error:
            faults[key.area, key.source, key.is_tail] = error
            continue
        for is_tail in {True, key.is_tail}:
            faults.pop((key.area, key.source, is_tail), None)
        if found is not None:
            yield found


def _known(keys: list[ObjectKey], as_of: datetime | None) -> list[ObjectKey]:
    return [key for key in keys if as_of is None or key.observed_at <= as_of]


def _note_refusal(symbol: str, refused: Iterable[Refusal], sources: Collection[str], outcome: Outcome) -> None:
    """An answer that was refused stays an error of its ticker until a better one comes."""
    for refusal in refused:
        if sources and refusal.source not in sources:
            continue
        error = DataError(
            f"The latest answer of {refusal.source} for {symbol} was refused: {refusal.why}",
            hint="It is asked for again after the next session (an overview: after 30 days), or now with --force."
            + (f" `stocks accept {symbol} {refusal.rule}` takes it as it is." if refusal.rule in ACCEPTABLE else ""),
        )
        outcome.errors.setdefault(symbol, error)


def parse(bronze: Bronze, key: ObjectKey, until: Mapping[SeriesName, date] = MappingProxyType({})) -> Load:
    """What silver says of an answer in bronze.

    Args:
        bronze: Holds it.
        key: Its key.
        until: The newest final bar that silver holds, of series of which tails are parsed.

    Raises:
        DataError: It can't be read, or is none that holds bars.
    """
    provider = provider_of(key.source)
    endpoint = provider.endpoint(key.endpoint)
    if endpoint.interval is None:
        raise DataError(f"{key.endpoint} of {key.source} gives no bars.")
    body, day = bronze.read(key), until.get((key.symbol, endpoint.interval, key.source)) if key.is_tail else None
    try:
        judge = judge_series if day is None else partial(judge_tail, until=day)
        series = judge(
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


def _company(bronze: Bronze, key: ObjectKey) -> Company:
    provider, body = provider_of(key.source), bronze.read(key)
    try:
        return Company(key, provider.read_company(body, key.symbol))
    except MalformedPayload as error:
        return Company(key, {}, refused=error.message)
