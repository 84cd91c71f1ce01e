"""Which tickers to fetch, and their answers into bronze.

A fault of one ticker is collected and not raised, so that the others go on; what stops every ticker (no key, no quota,
a store that is down) is asked for no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple, Protocol

from stocks.bronze.layer import Bronze, area_of
from stocks.bronze.object_key import ObjectKey
from stocks.bronze.side_by_side import Lane, side_by_side
from stocks.errors import (
    ConfigError,
    QuotaSpent,
    StocksError,
    StoreUnavailable,
    UnknownSymbol,
    WarehouseUnavailable,
)
from stocks.outcome import Outcome
from stocks.providers import Answer, Endpoint, Source
from stocks.report import Report
from stocks.trading_calendar import calendar_of
from stocks.universe import Company, companies, unique

# Not one ticker's fault: the next one would fail in the same way, and perhaps cost a request.
_STOPS_ALL = (ConfigError, QuotaSpent, StoreUnavailable, WarehouseUnavailable)


class Tails(Protocol):
    """Knows what was loaded already, so that the newest bars of a series may do. Safe to share between threads."""

    def since(self, source: Source, endpoint: Endpoint, symbol: str, held: Sequence[ObjectKey]) -> date | None:
        """The first day to ask for; None where the whole series is to be asked for.

        Args:
            source: Who is asked.
            endpoint: What for.
            symbol: Whose bars.
            held: What bronze holds of it, oldest first.
        """
        ...

    def fits(self, source: Source, answer: Answer) -> bool:
        """Whether nothing in a tail asks for the whole series."""
        ...

    def is_left_out(self, key: ObjectKey) -> bool:
        """Whether silver took nothing of an answer, so that the whole series is asked for."""
        ...


def plan(
    sources: Sequence[Source],
    tickers: Sequence[str] = (),
    universe: Callable[[], Mapping[str, Company]] = companies,
) -> list[str]:
    """The tickers to fetch: those asked for, else the universe's that any of the sources may have on its day."""
    if tickers:
        return unique(tickers)
    days = [(source, source.now().date()) for source in sources]
    return [
        symbol
        for symbol, company in universe().items()
        if any(company.is_listed(day) and source.has(symbol) for source, day in days)
    ]


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
    tails: Tails | None = None,
    fetched: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Fetches each ticker's answer of each source into bronze, unless bronze holds one that nothing can be newer than.

    Each source has as many requests under way as its limits allow, and a slow answer holds up no other. What stops one
    source (its quota, its key) doesn't stop the others.

    Args:
        sources: Each gives its own series.
        bronze: Where answers are kept.
        tickers: Symbols.
        report: Told of each ticker.
        force: Fetch even where no session has ended since the latest answer, and the whole series.
        overview: Fetch the company's attributes too, from sources that have them.
        tails: Whose newest bars may do; None: every series is fetched whole.
        fetched: Told of each ticker of which no more will come, also where nothing came.
    """
    asked = {symbol: [source for source in sources if source.has(symbol)] for symbol in tickers}
    for source in sources:
        if source.provider.choice and source.is_default_series:
            report.say(source.provider.choice)
    lanes = [
        Lane([_Ask(symbol, source) for symbol in asked if source.has(symbol)], source.at_once) for source in sources
    ]
    stopped: dict[str, StocksError] = {}

    def answered(ask: _Ask) -> int | StocksError:
        try:
            if ask.source.name in stopped:
                raise stopped[ask.source.name]
            return _extract_one(
                ask.source, bronze, ask.symbol, None if force else tails, force=force, overview=overview
            )
        except StocksError as error:
            if isinstance(error, _STOPS_ALL) and not _is_of_symbol(error):
                stopped[ask.source.name] = error
            return error

    report.begin("extract", len(asked))
    ended: dict[_Ask, int | StocksError] = {}
    waiting = Counter(ask.symbol for lane in lanes for ask in lane.items)
    done = len(asked) - len(waiting)
    for symbol in asked.keys() - waiting.keys():
        fetched(symbol)
    for ask, result in side_by_side(answered, lanes):
        ended[ask] = result
        waiting[ask.symbol] -= 1
        if not waiting[ask.symbol]:
            done += 1
            report.advance("extract", done, ask.symbol)
            fetched(ask.symbol)
    return _told(asked, ended, sources)


class _Ask(NamedTuple):
    """What is asked of whom."""

    symbol: str
    source: Source


def _told(
    asked: Mapping[str, Sequence[Source]], ended: Mapping[_Ask, int | StocksError], sources: Sequence[Source]
) -> Outcome:
    """What became of each ticker, in their order."""
    outcome = Outcome()
    for symbol, of in asked.items():
        if not of:
            names = " and ".join(source.provider.title for source in sources)
            outcome.errors[symbol] = UnknownSymbol(
                f"{symbol}: the provider does not know the symbol, and was not asked: {names}."
            )
        for source in of:
            label = symbol if len(sources) == 1 else f"{symbol} ({source.name})"
            result = ended[_Ask(symbol, source)]
            if isinstance(result, StocksError):
                outcome.errors[label] = result
            else:
                outcome.written += result
                outcome.done[label] = "new answer" if result else "nothing new"
    outcome.detail["fetched"] = outcome.written
    return outcome


def _is_of_symbol(error: StocksError) -> bool:
    """Whether only new symbols meet it: a month's number of them is spent."""
    return isinstance(error, QuotaSpent) and error.period == "month"


def _extract_one(
    source: Source, bronze: Bronze, symbol: str, tails: Tails | None, *, force: bool, overview: bool
) -> int:
    """Fetches what is missing of one ticker; gives the number of answers that were new."""
    written, stray = 0, None
    facts = [endpoint for endpoint in source.provider.endpoints if overview and endpoint.interval is None]
    for endpoint in [source.series, *facts]:
        held, found = bronze.held(symbol, area=area_of(endpoint), endpoint=endpoint.name, source=source.name)
        stray = stray or found
        if held:
            held[-1].check_time(source.latest())
        is_current = held and held[-1].observed_at >= _newest_possible(symbol, endpoint, source.now())
        if is_current and not force and not (tails and tails.is_left_out(held[-1])):
            continue
        try:
            answer = _fetch(source, endpoint, symbol, held, tails)
        except StocksError as error:
            if error.body is not None:
                bronze.quarantine(source.name, endpoint.name, symbol, source.now(), error.body)
            raise
        _, is_new = bronze.put(answer)
        written += is_new
    if stray:  # what can be fetched beside it is
        raise stray
    return written


def _fetch(source: Source, endpoint: Endpoint, symbol: str, held: Sequence[ObjectKey], tails: Tails | None) -> Answer:
    """The newest bars where they do, else the whole series."""
    if tails and (since := tails.since(source, endpoint, symbol, held)):
        answer = source.fetch(endpoint, symbol, since)
        if tails.fits(source, answer):
            return answer
    return source.fetch(endpoint, symbol)


def _newest_possible(symbol: str, endpoint: Endpoint, now: datetime) -> datetime:
    """From which moment on the provider can't have had anything newer until now."""
    if endpoint.interval is None:
        return now - timedelta(days=30)  # attributes change rarely, and a request of the day is dear
    calendar = calendar_of(symbol)
    return calendar.settled_at(calendar.last_settled(now))
