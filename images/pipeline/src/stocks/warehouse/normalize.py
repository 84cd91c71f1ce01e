"""What bronze holds, judged and loaded into silver: what is new, or all of it again.

A fault of one ticker is collected and not raised, so that the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Self, TypeVar

import psycopg

from stocks.bronze import Bronze, ObjectKey
from stocks.bronze.extract import batches
from stocks.bronze.side_by_side import Handover, in_thread
from stocks.errors import DataError, MalformedPayload
from stocks.outcome import LoadCounts, Outcome
from stocks.providers import Endpoint, Provider, provider_of
from stocks.providers.frame import Decoded
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
_REPLAYED_AT_ONCE = 20
"""Tickers, an answer each at a time: a statement costs the same for one as for all of them."""
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
        done = 0
        for batch in batches(tickers, _REPLAYED_AT_ONCE):
            histories = {symbol: _History.of(bronze, symbol, as_of) for symbol in batch}
            for symbol, ended in _replay(bronze, connection, histories).items():
                if isinstance(ended, DataError):
                    outcome.errors[symbol] = ended
                else:
                    outcome.counts.add(ended)
            # Apart: what is wrong with the company leaves its prices alone.
            for symbol, history in histories.items():
                try:
                    _replay_company(bronze, connection, symbol, history.overviews)
                    outcome.done[symbol] = f"{len(history.keys)} answers"
                except DataError as error:
                    outcome.errors.setdefault(symbol, error)
                if history.stray:
                    outcome.errors.setdefault(symbol, history.stray)
            refused = refusals(connection, batch)
            for symbol in batch:
                if symbol in outcome.errors:
                    outcome.done.pop(symbol, None)
                _note_refusal(symbol, refused.get(symbol, ()), sources, outcome)
            done += len(batch)
            report.advance("replay", done, batch[-1])
        analyze(connection)
    outcome.detail["counts"] = asdict(outcome.counts)
    return outcome


@dataclass(frozen=True, kw_only=True)
class _History:
    """What bronze knew of a symbol."""

    keys: list[ObjectKey]
    """Of its series, oldest first."""
    overviews: list[ObjectKey]
    stray: DataError | None

    @classmethod
    def of(cls, bronze: Bronze, symbol: str, as_of: datetime | None) -> Self:
        """At a moment; all where None."""
        held, told = bronze.held(symbol), bronze.held(symbol, area="reference")
        return cls(keys=_known(held.keys, as_of), overviews=_known(told.keys, as_of), stray=held.stray or told.stray)


def _replay(
    bronze: Bronze, connection: Connection, histories: Mapping[str, _History]
) -> dict[str, LoadCounts | DataError]:
    """Replaces the series of some symbols together; where that fails, each symbol's apart.

    Returns:
        By symbol what changed, or why its series are what they were.
    """
    faults = {symbol: _Faults() for symbol in histories}
    until: dict[SeriesName, date] = {}
    read = _Reader(bronze, [history.keys for history in histories.values()], until)
    waiting = [_read(read, bronze, each.keys, each.keys, faults[symbol]) for symbol, each in histories.items()]
    has_tails = any(key.is_tail for history in histories.values() for key in history.keys)

    def rounds() -> Iterator[list[Load]]:
        """The oldest of each series that is not loaded yet; a tail is judged beside what is loaded then."""
        while True:
            if has_tails:
                until.clear()
                until.update(held_until(connection, histories))
            round_ = [one for each in waiting if (one := next(each, None)) is not None]
            if not round_:
                return
            yield round_

    try:
        with connection.transaction():
            ended = reload(connection, list(histories), rounds())
            for fault in faults.values():
                fault.check()
    except DataError as error:
        wrong = error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        wrong = DataError(f"Silver can't take what was told: {str(error).splitlines()[0]}.")
    else:
        return {**ended}
    if len(histories) == 1:
        return dict.fromkeys(histories, wrong)
    return {
        symbol: became
        for symbol, history in histories.items()
        for symbol, became in _replay(bronze, connection, {symbol: history}).items()
    }


def _replay_company(bronze: Bronze, connection: Connection, symbol: str, overviews: Sequence[ObjectKey]) -> None:
    faults = _Faults()
    with connection.transaction():
        forget_company(connection, symbol)
        for company in _read(_company, bronze, overviews, overviews, faults):
            load_company(connection, company)
        faults.check()


class _Reader:
    """Parses answers of several histories, and meanwhile, in threads, what comes next in each.

    Args:
        bronze: Holds them.
        histories: Keys, oldest first.
        until: The newest final bar that silver holds of each series at the time, for tails.
    """

    def __init__(
        self, bronze: Bronze, histories: Iterable[Sequence[ObjectKey]], until: Mapping[SeriesName, date]
    ) -> None:
        self._bronze = bronze
        self._until = until
        self._next = {key: following for keys in histories for key, following in pairwise(keys)}
        self._begun: dict[ObjectKey, Callable[[], Load | Decoded | MalformedPayload]] = {}

    def __call__(self, _bronze: Bronze, key: ObjectKey) -> Load:
        """What `parse` gives."""
        found = self._begun.pop(key, None) or self._begin(key)
        if following := self._next.get(key):
            self._begun[following] = self._begin(following)
        told = found()
        return told if isinstance(told, Load) else judge(key, told, self._until)

    def _begin(self, key: ObjectKey) -> Callable[[], Load | Decoded | MalformedPayload]:
        # A tail is judged beside what is loaded by then.
        return in_thread(partial(decode if key.is_tail else parse, self._bronze, key))


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
    return judge(key, decode(bronze, key), until)


def decode(bronze: Bronze, key: ObjectKey) -> Decoded | MalformedPayload:
    """What an answer in bronze says, unjudged; or why it says nothing.

    Raises:
        DataError: It can't be read, or is none that holds bars.
    """
    provider, endpoint = _of_bars(key)
    body = bronze.read(key)
    try:
        return provider.read(body, endpoint)
    except MalformedPayload as error:
        return error


def judge(key: ObjectKey, told: Decoded | MalformedPayload, until: Mapping[SeriesName, date]) -> Load:
    """What silver says of what an answer says; the arguments are those of `parse`."""
    provider, endpoint = _of_bars(key)
    assert endpoint.interval is not None
    day = until.get((key.symbol, endpoint.interval, key.source)) if key.is_tail else None
    try:
        if isinstance(told, MalformedPayload):
            raise told
        series = (judge_series if day is None else partial(judge_tail, until=day))(
            told,
            symbol=key.symbol,
            interval=endpoint.interval,
            observed_at=key.observed_at,
            calendar=calendar_of(key.symbol),
            adjustment=provider.adjustment,
        )
    except MalformedPayload as error:
        series = ParsedSeries.refusal(error.message)
    return Load(key, endpoint.interval, series)


def _of_bars(key: ObjectKey) -> tuple[Provider, Endpoint]:
    provider = provider_of(key.source)
    endpoint = provider.endpoint(key.endpoint)
    if endpoint.interval is None:
        raise DataError(f"{key.endpoint} of {key.source} gives no bars.")
    return provider, endpoint


def _company(bronze: Bronze, key: ObjectKey) -> Company:
    provider, body = provider_of(key.source), bronze.read(key)
    try:
        return Company(key, provider.read_company(body, key.symbol))
    except MalformedPayload as error:
        return Company(key, {}, refused=error.message)
