"""Which series silver holds up to a recent session, so that their newest bars alone need to be asked for."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import LiteralString, NamedTuple, TypedDict

from stocks.bronze import ObjectKey
from stocks.errors import DataError
from stocks.providers import Source
from stocks.providers.provider import Answer, Endpoint, Interval
from stocks.settings import Settings
from stocks.silver.tail import Values, goes_on, is_quiet, judge_tail, told
from stocks.trading_calendar import TradingCalendar, calendar_of
from stocks.warehouse.connection import Connection, Role, Warehouse

_AT_ONCE = 100
"""Symbols whose newest bars are read together, and kept until they were asked about."""

_NEWEST: LiteralString = """
select
    series.symbol, series.interval, series.source, to_char(bar.price_date, 'YYYY-MM-DD'), bar.is_final,
    open, high, low, close, adjusted_close, volume::double precision, dividend_amount, split_coefficient
from silver.series
cross join lateral (
    select * from silver.bar where bar.series_id = series.series_id order by price_date desc limit %s
) as bar
where series.symbol = any(%s)
order by series.series_id, bar.price_date
"""

_SINCE_WHOLE: LiteralString = """
select bronze_key, status
from ops.bronze_object as answer
where symbol = any(%s) and interval is not null and observed_at >= (
    select max(whole.observed_at) from ops.bronze_object as whole
    where whole.symbol = answer.symbol and whole.interval = answer.interval and whole.source = answer.source
      and not whole.is_tail
)
"""

_UNTIL: LiteralString = """
select series.symbol, series.interval, series.source, bar.price_date
from silver.series
cross join lateral (
    select price_date from silver.bar
    where bar.series_id = series.series_id and is_final order by price_date desc limit 1
) as bar
where series.symbol = any(%s)
"""

SeriesName = tuple[str, str | None, str]
"""Symbol, interval and source."""


class _Known(NamedTuple):
    """What silver knows of some symbols."""

    bars: dict[SeriesName, dict[str, tuple[Values, bool]]]
    """FIELDS and is_final of the newest bars, by their dates."""
    answers: dict[str, str]
    """What became of the answers since the newest whole one, by their keys."""


class _About(TypedDict):
    """What an answer is judged by."""

    symbol: str
    interval: Interval
    observed_at: datetime
    calendar: TradingCalendar


class Tails:
    """Answers, while its context is open and from any thread, what `bronze.extract.Tails` asks.

    Args:
        warehouse: Holds silver.
        settings: How much a tail overlaps, and how often the whole series is asked for.
        symbols: That will be asked about, in order.
    """

    def __init__(self, connection: Connection, settings: Settings, symbols: Sequence[str]) -> None:
        self._connection = connection
        self._overlap = settings.stocks_tail_overlap
        self._every = settings.stocks_whole_every
        self._symbols = list(symbols)
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def since(self, source: Source, endpoint: Endpoint, symbol: str, held: Sequence[ObjectKey]) -> date | None:
        """The first day to ask for; None where the whole series is to be asked for.

        That is where silver has not loaded all that was told since the newest whole answer, where that is old, and
        where more sessions were since than a tail has bars.
        """
        whole = max((place for place, key in enumerate(held) if not key.is_tail), default=None)
        if not endpoint.tail or whole is None or self._is_due(symbol, held[whole].observed_at, source.now()):
            return None
        known = self._of(symbol)
        bars = known.bars.get((symbol, endpoint.interval, source.name), {})
        final = [day for day, (_, is_final) in bars.items() if is_final]
        if len(final) < self._overlap or any(known.answers.get(str(key)) != "loaded" for key in held[whole:]):
            return None
        calendar = calendar_of(symbol)
        new = calendar.sessions(
            date.fromisoformat(final[-1]) + timedelta(days=1), calendar.last_session(source.now().date())
        )
        is_near = self._overlap + sum(1 for _ in new) <= endpoint.tail
        return date.fromisoformat(final[-self._overlap]) if is_near else None

    def fits(self, source: Source, answer: Answer) -> bool:
        """Whether a tail goes on with what silver holds, and has nothing that asks for the whole series."""
        of, provider = (answer.symbol, answer.endpoint.interval, source.name), source.provider
        bars = self._of(answer.symbol).bars.get(of, {})
        try:
            decoded = provider.read(answer.body, answer.endpoint)
            rows = told(decoded)
            if len(rows) < len(decoded.rows) or not goes_on(rows, bars, self._overlap):
                return False
            until = date.fromisoformat(max(day for day, (_, is_final) in bars.items() if is_final))
            about = _About(
                symbol=answer.symbol,
                interval=answer.endpoint.interval or "daily",
                observed_at=answer.observed_at,
                calendar=calendar_of(answer.symbol),
            )
            if is_quiet(decoded, until, **about):
                return True
            series = judge_tail(decoded, until, **about, adjustment=provider.adjustment)
        except DataError:
            return False
        return series.is_clean

    def is_left_out(self, key: ObjectKey) -> bool:
        """Whether silver took nothing of an answer, so that the whole series is asked for."""
        return key.is_tail and self._of(key.symbol).answers.get(str(key)) == "superseded"

    def _is_due(self, symbol: str, fetched: datetime, now: datetime) -> bool:
        """Whether a day has come since on which the symbol is fetched whole: each has its own among so many."""
        shift = zlib.crc32(symbol.encode())
        return (now.date().toordinal() + shift) // self._every > (fetched.date().toordinal() + shift) // self._every

    def _of(self, symbol: str) -> _Known:
        with self._lock:
            if symbol not in self._known:
                self._read(symbol)
            return self._known[symbol]

    def _read(self, symbol: str) -> None:
        """Reads what is known of a symbol and of those behind it."""
        place = self._symbols.index(symbol)
        symbols = self._symbols[place : place + _AT_ONCE]
        known = _Known({}, {})
        for row in self._connection.execute(_NEWEST, [max(self._overlap, _AT_ONCE), symbols]):
            (of, interval, source, day, is_final), values = row[:5], row[5:]
            known.bars.setdefault((of, interval, source), {})[day] = (values, is_final)
        known.answers.update(self._connection.execute(_SINCE_WHOLE, [symbols]).fetchall())
        # Those before are kept while their answers may still be under way.
        kept = self._symbols[max(place - _AT_ONCE, 0) : place]
        before = {key: value for key, value in self._known.items() if key in kept}
        self._known = before | dict.fromkeys(symbols, known)


@contextmanager
def open_tails(warehouse: Warehouse, settings: Settings, symbols: Sequence[str]) -> Iterator[Tails]:
    """The tails of some symbols."""
    with warehouse.connect(Role.READER, read_only=True) as connection:
        yield Tails(connection, settings, symbols)


def held_until(connection: Connection, symbols: Collection[str]) -> dict[SeriesName, date]:
    """The newest final bar of each series of some symbols."""
    return {
        (symbol, interval, source): day for symbol, interval, source, day in connection.execute(_UNTIL, [list(symbols)])
    }
