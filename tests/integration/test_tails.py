"""The newest bars alone: silver after them is what it is after whole answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tools.faults.series import Series, calm, readjusted

from stocks.bronze import Bronze, open_bronze
from stocks.bronze.extract import extract
from stocks.providers import Source, Unlimited, open_sources
from stocks.providers.alphavantage.answers import DAILY, SERIES_KEYS
from stocks.providers.alphavantage.decode import decode
from stocks.report import Report
from stocks.settings import Settings
from stocks.silver import judge_series
from stocks.silver.tail import judge_tail
from stocks.trading_calendar import calendar_of
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.load import refusals
from stocks.warehouse.migrate import migrate
from stocks.warehouse.normalize import normalize, replay
from stocks.warehouse.tails import open_tails

KNOWN, DAYS = 110, 12
LABELS = ("open", "high", "low", "close", "adjusted close", "volume", "dividend amount", "split coefficient")


def body(series: Series, symbol: str, *, full: bool = True) -> bytes:
    """The answer that tells a series."""
    columns = (
        *(series.opens, series.highs, series.lows, series.closes, series.adjusted),
        *(series.volumes, series.dividends, series.splits),
    )
    rows = {
        str(day): {f"{n}. {label}": str(value) for n, (label, value) in enumerate(zip(LABELS, values, strict=True), 1)}
        for day, *values in zip(series.days, *columns, strict=True)
    }
    last = list(reversed(rows.items()))[: None if full else 100]
    return msgspec.json.encode({"Meta Data": {"2. Symbol": symbol}, SERIES_KEYS[DAILY]: dict(last)})


@dataclass
class Provider(httpx.BaseTransport):
    """Tells the same series of every symbol, as of now."""

    series: Series
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return datetime.combine(self.series.days[-1] + timedelta(days=1), time(6), UTC)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        symbol, size = request.url.params["symbol"], request.url.params["outputsize"]
        self.asked.append((symbol, size))
        return httpx.Response(200, content=body(self.series, symbol, full=size == "full"))


@dataclass
class Place:
    """Bronze and silver, and a provider."""

    warehouse: Warehouse
    bronze: Bronze
    provider: Provider
    settings: Settings

    def day(
        self, series: Series, *, tails: tuple[str, ...] = (), whole: tuple[str, ...] = (), force: bool = False
    ) -> None:
        """A day's work, on which the provider tells this series."""
        self.provider.series = series
        with self.source() as source, open_tails(self.warehouse, self.settings, tails) as known:
            extract([source], self.bronze, tails, report=Report(), tails=known, force=force)
            extract([source], self.bronze, whole, report=Report())
        normalize(self.bronze, self.warehouse, [*tails, *whole], report=Report())

    @contextmanager
    def source(self) -> Iterator[Source]:
        with open_sources(
            self.settings, lambda _: Unlimited(), transport=self.provider, clock=lambda: self.provider.now
        ) as (source,):
            yield source

    def silver(self, symbol: str) -> list[Any]:
        with self.warehouse.connect(Role.READER) as connection:
            return connection.execute(
                "select price_date, open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient,"
                " is_final from silver.price_bar where symbol = %s order by 1",
                [symbol],
            ).fetchall()

    def held(self, symbol: str) -> list[str]:
        with self.warehouse.connect(Role.READER) as connection:
            return [refusal.rule for refusal in refusals(connection, [symbol]).get(symbol, [])]

    def sizes(self, symbol: str) -> list[str]:
        """What was asked for since it was asked last."""
        found = [size for asked, size in self.provider.asked if asked == symbol]
        self.provider.asked.clear()
        return found


@pytest.fixture(scope="module")
def place(
    new_database: Callable[[], AbstractContextManager[Warehouse]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    own = Settings(
        _env_file=None,
        stocks_source="alphavantage",
        stocks_series="daily_adjusted",
        alphavantage_api_key=SecretStr("of-a-test"),
        stocks_state_dir=Path(tmp_path_factory.mktemp("tails")),
        stocks_whole_every=100_000,
    )
    with new_database() as warehouse:
        migrate(warehouse)
        yield Place(warehouse, open_bronze(own), Provider(calm(random.Random(1), 3)), own)


_names = (f"T{n}" for n in range(10_000))


@pytest.fixture
def symbol() -> str:
    return next(_names)


def grown(days: int = DAYS, seed: int = 5) -> Series:
    return calm(random.Random(seed), KNOWN + days)


def spoiled(series: Series, spot: int, **values: float) -> Series:
    """The series with other values of a bar."""
    return replace(
        series,
        **{
            name: [value if n == spot else told for n, told in enumerate(getattr(series, name))]
            for name, value in values.items()
        },
    )


def test_the_newest_bars_alone_are_asked_for_where_silver_has_the_others(place: Place, symbol: str) -> None:
    series = grown()
    place.day(series.until(KNOWN), tails=(symbol,))
    assert place.sizes(symbol) == ["full"]
    place.day(series.until(KNOWN + 1), tails=(symbol,))
    assert place.sizes(symbol) == ["compact"]
    assert len(place.silver(symbol)) == KNOWN + 1
    assert [key.is_tail for key in place.bronze.objects(symbol)] == [False, True]
    place.day(series.until(KNOWN + 1), tails=(symbol,))
    assert place.sizes(symbol) == []
    place.day(series.until(KNOWN + 1), tails=(symbol,), force=True)
    assert place.sizes(symbol) == ["full"]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda s: readjusted(spoiled(s, KNOWN, dividends=0.4)), id="a dividend"),
        pytest.param(lambda s: spoiled(s, KNOWN - 9, closes=s.closes[KNOWN - 9] * 1.001), id="a corrected close"),
        pytest.param(lambda s: spoiled(s, KNOWN, highs=1.0), id="a new bar that breaks a rule"),
        pytest.param(lambda s: spoiled(s, KNOWN, volumes=-1), id="another one"),
        pytest.param(
            lambda s: replace(s, **{name: [*col[: KNOWN - 4], *col[KNOWN - 3 :]] for name, col in columns(s).items()}),
            id="a withdrawn bar",
        ),
    ],
)
def test_the_whole_series_is_fetched_in_the_same_step_where_a_tail_does_not_go_on(
    place: Place, symbol: str, then: Callable[[Series], Series]
) -> None:
    series = grown(1)
    whole = f"{symbol}W"
    place.day(series.until(KNOWN), tails=(symbol,), whole=(whole,))
    place.day(then(series), tails=(symbol,), whole=(whole,))
    assert place.sizes(symbol) == ["full", "compact", "full"]
    assert place.silver(symbol) == place.silver(whole)
    assert not any(key.is_tail for key in place.bronze.objects(symbol))


def columns(series: Series) -> dict[str, Any]:
    return {name: column for name, column in vars(series).items() if name != "decimals"}


def test_more_sessions_than_a_tail_reaches_ask_for_the_whole_series(place: Place, symbol: str) -> None:
    series = grown(40)
    place.day(series.until(KNOWN), tails=(symbol,))
    place.day(series, tails=(symbol,))
    assert place.sizes(symbol) == ["full", "full"]
    assert len(place.silver(symbol)) == KNOWN + 40


def test_the_whole_series_is_fetched_once_in_some_days_and_not_of_all_symbols_at_once(place: Place) -> None:
    own = replace(place, settings=place.settings.model_copy(update={"stocks_whole_every": 4}))
    series, names = grown(8), [f"E{n}" for n in range(8)]
    own.day(series.until(KNOWN), tails=tuple(names))
    own.provider.asked.clear()
    turns: dict[str, list[int]] = {name: [] for name in names}
    for day in range(1, 9):
        own.day(series.until(KNOWN + day), tails=tuple(names))
        for name, size in own.provider.asked:
            if size == "full":
                turns[name].append(day)
        own.provider.asked.clear()
    assert all(1 <= len(days) <= 3 for days in turns.values())
    assert len({tuple(days) for days in turns.values()}) > 1


def test_a_tail_that_is_not_loaded_is_followed_by_the_whole_series(place: Place, symbol: str) -> None:
    series = grown(2)
    place.day(series.until(KNOWN), tails=(symbol,))
    place.day(series.until(KNOWN + 1), tails=(symbol,))
    with place.warehouse.connect(Role.WRITER) as connection:  # as if somebody had put silver back since
        connection.execute("delete from ops.bronze_object where symbol = %s and is_tail", [symbol])
        connection.execute(
            "update silver.bar set close = close + 1 where price_date = %s"
            " and series_id = (select series_id from silver.series where symbol = %s)",
            [series.days[KNOWN - 2], symbol],
        )
    normalize(place.bronze, place.warehouse, [symbol], report=Report())
    place.sizes(symbol)
    place.day(series.until(KNOWN + 1), tails=(symbol,))
    assert place.sizes(symbol) == ["full"]
    assert [row[4] for row in place.silver(symbol)] == list(series.closes[: KNOWN + 1])


def test_replay_and_a_past_moment_know_tails(place: Place, symbol: str) -> None:
    series = grown(3)
    states = []
    for day in range(4):
        place.day(series.until(KNOWN + day), tails=(symbol,))
        states.append((place.provider.now, place.silver(symbol)))
    assert [key.is_tail for key in place.bronze.objects(symbol)] == [False, True, True, True]
    for moment, known in (states[2], states[0], states[3]):
        replay(place.bronze, place.warehouse, [symbol], as_of=moment, report=Report())
        assert place.silver(symbol) == known


EVENTS = st.sampled_from(
    ["bar"] * 6 + ["dividend", "split", "close", "withdrawn", "bad bar", "jump", "thin", "pause", "deep close"]
)


@example(seed=0, events=["deep close", "jump"])
@given(seed=st.integers(0, 10**6), events=st.lists(EVENTS, min_size=2, max_size=6))
@settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
def test_silver_after_tails_is_silver_after_whole_answers(place: Place, seed: int, events: list[str]) -> None:
    symbol = next(_names)
    whole = f"{symbol}W"
    chance = random.Random(seed)
    told = calm(chance, KNOWN + 40 * len(events) + 1)
    count, is_deep = KNOWN, False
    place.day(told.until(count), tails=(symbol,), whole=(whole,))
    # An answer that is held corrects nothing that no tail reached: the last one is ordinary.
    for event in [*events, "bar"]:
        spot = count
        count += 30 if event == "pause" else 1
        match event:
            case "dividend":
                told = readjusted(spoiled(told, spot, dividends=round(told.closes[spot] * 0.004, 4)))
            case "split":
                parts = ("opens", "highs", "lows", "closes")
                halves = {
                    name: [p / 2 if n >= spot else p for n, p in enumerate(getattr(told, name))] for name in parts
                }
                told = readjusted(spoiled(replace(told, **halves), spot, splits=2.0))
            case "close" | "deep close":
                off = spot - 5 if event == "close" else 4
                told = readjusted(spoiled(told, off, closes=(told.highs[off] + told.lows[off]) / 2))
                is_deep |= event == "deep close"
            case "withdrawn":
                gone = spot - chance.randrange(2, 60)
                told = replace(told, **{name: [*col[:gone], *col[gone + 1 :]] for name, col in columns(told).items()})
                count -= 1
            case "bad bar":
                told = spoiled(told, spot, highs=told.lows[spot] / 2)
            case "jump":
                far = {
                    name: getattr(told, name)[spot] * 30 for name in ("opens", "highs", "lows", "closes", "adjusted")
                }
                told = spoiled(told, spot, **far)
            case "thin":
                told = replace(told, volumes=[v // 20 if n >= spot else v for n, v in enumerate(told.volumes)])
        cut = (
            told.until(count) if event != "jump" else replace(told, **{k: c[:count] for k, c in columns(told).items()})
        )
        place.day(cut, tails=(symbol,), whole=(whole,))
        if not is_deep:  # what a tail doesn't reach waits for the next whole answer
            assert place.silver(symbol) == place.silver(whole), event
            assert place.held(symbol) == place.held(whole), event
    place.day(cut, tails=(symbol,), force=True)
    assert place.silver(symbol) == place.silver(whole)
    before = place.silver(symbol)
    replay(place.bronze, place.warehouse, [symbol], as_of=None, report=Report())
    assert place.silver(symbol) == before


@given(
    seed=st.integers(0, 10**6),
    moves=st.lists(st.sampled_from([1.0, 1.05, 0.95, 1.2, 0.8, 2, 30]), min_size=1, max_size=3),
)
@settings(deadline=None, max_examples=60)
def test_a_tail_is_judged_as_by_the_rules(seed: int, moves: list[float]) -> None:
    chance = random.Random(seed)
    series = calm(chance, 100)
    known = len(series) - len(moves)
    for place, move in enumerate(moves, start=known):
        part = chance.choice(["opens", "highs", "lows", "closes", "adjusted", "volumes"])
        series = spoiled(series, place, **{part: getattr(series, part)[place] * move})
    decoded = decode(body(series, "IBM"), SERIES_KEYS[DAILY])
    about: dict[str, Any] = {
        "symbol": "IBM",
        "interval": "daily",
        "observed_at": datetime.combine(series.days[-1] + timedelta(days=1), time(6), UTC),
        "calendar": calendar_of("IBM"),
        "adjustment": "reinvest_ex_close",
    }
    by_rules, as_tail = judge_series(decoded, **about), judge_tail(decoded, series.days[known - 1], **about)
    assert as_tail.bars.equals(by_rules.bars)
    assert as_tail.is_clean == by_rules.is_clean
    assert as_tail.faults == by_rules.faults
