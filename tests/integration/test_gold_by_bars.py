"""What incremental builds publish, day after day, is to the bit what a full refresh makes: over random histories.

Every example is a warehouse of series that each live through days of their own: they grow, are restated, split, pay,
lose bars, are held, get a past, come from another source, vanish, are replayed as of an earlier answer. Each day is
loaded by the real load, built by dbt beside gold, published by the real publication, and compared with a full refresh.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from argodbt.dbt import Dbt
from stocks.bronze import ObjectKey
from stocks.gold import environment
from stocks.gold.publication import clear, publish, stand_in
from stocks.silver import ParsedSeries
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.load import Load, load, reload
from stocks.warehouse.migrate import migrate
from stocks.warehouse.sources import write_sources

MODELS = ("listings", "series_source", "dim_stock", "fact_adjusted_prices", "fact_weekly_prices")
FACTS = ("fact_adjusted_prices", "fact_weekly_prices")
VARIABLES = {
    "days_of_52_weeks": 14,
    "windows": {"daily": {"year": 5, "zscore": 3}, "weekly": {"year": 4, "zscore": 2}},
}
START = date(2024, 1, 1)
DAYS, SYMBOLS = 5, 30
WHAT_HAPPENS = (
    *("grow", "grow", "grow", "nothing", "restate", "split", "dividend", "withdraw", "withdraw_last", "hold"),
    *("backfill", "provisional", "provisional_split", "other_source", "vanish", "replay"),
)


class Series:
    """A symbol's bars as a provider tells them, in one interval and source."""

    def __init__(self, symbol: str, interval: str, random: Random, *, source: str = "sample", end: int = 20) -> None:
        self.symbol, self.interval, self.source, self._random = symbol, interval, source, random
        self._step = 1 if interval == "daily" else 7
        self._before, self._after = 0, 0
        self.bars: dict[date, dict[str, Any]] = {}
        for _ in range(end):
            self._add()
        self.faults: dict[str, str] = {}

    def _day(self, number: int) -> date:
        """Weekdays; weekly, Fridays."""
        if self.interval == "weekly":
            return START + timedelta(days=4 + 7 * number)
        return START + timedelta(days=7 * (number // 5) + number % 5)

    def _add(self, **values: Any) -> dict[str, Any]:
        day = self._day(self._after)
        self._after += 1
        return self._put(day, **values)

    def _put(self, day: date, **values: Any) -> dict[str, Any]:
        close = round(self._random.uniform(50, 150), 2)
        factor = (
            next(iter(self.bars.values()))["adjusted_close"] / next(iter(self.bars.values()))["close"]
            if (self.bars and day < min(self.bars))
            else 1.0
        )
        bar = {
            "price_date": day,
            "open": round(close * 1.01, 4),
            "high": round(close * self._random.uniform(1.02, 1.5), 4),
            "low": round(close * self._random.uniform(0.6, 0.98), 4),
            "close": close,
            "adjusted_close": close * factor,
            "volume": self._random.randrange(1000, 10_000),
            "dividend_amount": 0.0,
            "split_coefficient": 1.0,
            "is_final": True,
            **values,
        }
        self.bars = dict(sorted({**self.bars, day: bar}.items()))
        return bar

    def grow(self) -> None:
        for _ in range(self._random.randrange(1, 4)):
            self._add()

    def nothing(self) -> None:
        """The same answer again."""

    def restate(self) -> None:
        bar = self._random.choice(list(self.bars.values()))
        bar["high"] = bar["high"] * 1.25
        bar["volume"] += 1

    def split(self, **values: Any) -> None:
        coefficient = self._random.choice([2.0, 3.0, 7.0, 0.1, 1.5])
        for bar in self.bars.values():
            bar["adjusted_close"] /= coefficient
        self._add(split_coefficient=coefficient, **values)

    def dividend(self) -> None:
        for bar in self.bars.values():
            bar["adjusted_close"] *= 0.98
        self._add(dividend_amount=2.0)

    def withdraw(self) -> None:
        if len(self.bars) > 1:
            del self.bars[self._random.choice(list(self.bars))]

    def withdraw_last(self) -> None:
        if len(self.bars) > 1:
            del self.bars[max(self.bars)]

    def hold(self) -> None:
        self.grow()
        self.faults = {"two_bases": "Torn."}

    def backfill(self) -> None:
        self._before -= self._random.randrange(1, 4)
        for number in range(self._before, 0):
            if self._day(number) not in self.bars:
                self._put(self._day(number))

    def provisional(self) -> None:
        self._add(is_final=False)

    def provisional_split(self) -> None:
        self.split(is_final=False)

    def answer(self, at: datetime) -> Load:
        """All of it, as of a moment; bars that were provisional are final in the next answer."""
        key = ObjectKey(
            area="series",
            symbol=self.symbol,
            endpoint=f"{self.interval}_of_{self.source}",
            source=self.source,
            observed_at=at,
            sha256=uuid.UUID(int=self._random.getrandbits(128)).hex * 2,
        )
        bars = pl.DataFrame(list(self.bars.values()), schema_overrides={"volume": pl.Int64})
        rejects = pl.DataFrame(schema=dict.fromkeys(("price_date", "rule", "reason", "raw"), pl.String))
        told = ParsedSeries(bars=bars, rejects=rejects, faults=self.faults)
        for bar in self.bars.values():
            bar["is_final"] = True
        self.faults = {}
        return Load(key, self.interval, told)


class Company:
    """A symbol with its series, and what was loaded of them."""

    def __init__(self, symbol: str, random: Random) -> None:
        self.symbol, self._random = symbol, random
        intervals = random.choice([["daily"], ["daily"], ["weekly"], ["daily", "weekly"]])
        # Weekly bars may end before daily ones, with them, or go on.
        self.series = [
            Series(symbol, each, random, end=random.randrange(8, 25) if each == "daily" else random.randrange(2, 7))
            for each in intervals
        ]
        self._loads: list[Load] = []

    def live(self, connection: Any, day: int, what: str) -> None:
        at = datetime(2024, 6, 1, tzinfo=UTC) + timedelta(days=day)
        if what == "vanish":
            self._loads = []
            reload(connection, [self.symbol], [])
            return
        if what == "replay":
            self._loads = self._loads[: self._random.randrange(1, len(self._loads) + 1)] if self._loads else []
            reload(connection, [self.symbol], [[one] for one in self._loads])
            return
        if what == "other_source":
            first = self.series[0]
            self.series.append(
                Series(self.symbol, first.interval, self._random, source="tiingo", end=self._random.randrange(5, 20))
            )
        told = self.series if what in ("grow", "nothing", "other_source") else [self._random.choice(self.series)]
        for series in told:
            getattr(series, "grow" if what == "other_source" else what)()
            one = series.answer(at)
            load(connection, one)
            self._loads.append(one)


@cache
def _dbt(url: str, schema: str, artifacts: Path) -> Dbt:
    dbt = Dbt(artifacts / schema, variables=environment(Warehouse(url), schema=schema))
    dbt.parse("--vars", json.dumps(VARIABLES))
    return dbt


def _run_models(url: str, schema: str, artifacts: Path, *options: str) -> list[tuple[str, str]]:
    """Runs dbt in the process that calls it, which parses once; gives the nodes that failed, and why."""
    dbt = _dbt(url, schema, artifacts)
    dbt.run("run", "--select", *MODELS, "--threads", "1", *options, "--vars", json.dumps(VARIABLES))
    results = json.loads((dbt.target / "run_results.json").read_text())["results"]
    return [(each["unique_id"], each["message"]) for each in results if each["status"] != "success"]


_SEEDS = """
create schema gold_anew;
create table gold.universe (
    symbol text, company_name text, exchange text, currency text, sector text, industry text, last_listed date,
    source text
);
create table gold.exchange (exchange text, calendar text, timezone text, closes_at text, symbol_suffix text);
create view gold_anew.universe as table gold.universe;
create view gold_anew.exchange as table gold.exchange;
"""


class House:
    """A warehouse, and dbt over it: beside gold, and anew in a schema of its own."""

    def __init__(self, warehouse: Warehouse, artifacts: Path, dbt: Executor) -> None:
        self.warehouse, self._artifacts, self._dbt = warehouse, artifacts, dbt
        with self.connect() as connection:
            connection.execute(_SEEDS)

    def connect(self) -> AbstractContextManager[Any]:
        return self.warehouse.connect(Role.OWNER)

    def build(self) -> None:
        with self.connect() as connection:
            clear(connection)
            stand_in(connection, MODELS)
        self._run("gold_next")
        with self.connect() as connection, connection.transaction():
            publish(connection, anew=False)
        self._run("gold_anew", "--full-refresh")

    def _run(self, schema: str, *options: str) -> None:
        ran = self._dbt.submit(_run_models, self.warehouse.url, schema, self._artifacts, *options)
        assert ran.result(timeout=120) == []

    def differences(self) -> list[tuple[str, str]]:
        """Rows that one of the two has and the other has not."""
        found: list[tuple[str, str]] = []
        with self.connect() as connection:
            for table in FACTS:
                sides = [
                    f"select to_jsonb(t) - 'silver_load_id' from {schema}.{table} as t"
                    for schema in ("gold", "gold_anew")
                ]
                for name, (one, other) in (("published", sides), ("anew", sides[::-1])):
                    rows = connection.execute(f"({one}) except all ({other})".encode())
                    found += [(f"{table}, {name}", str(row)) for (row,) in rows]
        return found


@pytest.fixture(scope="module")
def house(
    new_database: Callable[[], AbstractContextManager[Warehouse]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with new_database() as warehouse:
        migrate(warehouse)
        # dbt leaves files open: it has a process of its own.
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as dbt:
            yield House(warehouse, tmp_path_factory.mktemp("artifacts"), dbt)


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example takes seconds, and its rows tell which symbol did what
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def test_incremental_builds_equal_a_full_refresh(seed: int, house: House) -> None:
    random, born = Random(seed), uuid.uuid4().hex[:6].upper()
    lives = {f"{born}{number:02d}": random.choices(WHAT_HAPPENS, k=DAYS) for number in range(SYMBOLS)}
    alive: dict[str, Company] = {}
    for day in range(DAYS):
        with house.connect() as connection:
            write_sources(connection, random.choice([["sample", "tiingo"], ["tiingo", "sample"]]))
            for symbol, life in lives.items():
                if symbol in alive:
                    alive[symbol].live(connection, day, life[day])
                elif random.random() < 0.7:
                    alive[symbol] = Company(symbol, Random(f"{seed}{symbol[-2:]}"))
                    alive[symbol].live(connection, day, "grow")
        house.build()
        assert house.differences() == [], lives
