"""Times a day's work and what it is measured against, in one run, and prints a table; with --json FILE the figures too.

    python -m tools.bench day                   each stage beside its reference
    python -m tools.bench curve                 first load and next day by the size of the universe
    python -m tools.bench factors               Qlib's task over gold
    python -m tools.bench memory                peak memory of one symbol and of five hundred
    python -m tools.bench sample                `stocks run` with the sample, from nothing and again
    python -m tools.bench fill --state FOLDER   a warehouse for other benchmarks to read

Each stage is a process of its own; of several rounds the fastest counts. Ratios are what to watch: seconds are the
machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from tools.bench import factors
from tools.bench.table import Line, printed

SIZES = {
    "day": (60, 6_500),
    "curve": (60, 6_500),
    "factors": (800, 3_400),
    "fill": (500, 6_400),
    "memory": (1, 6_500),
    "sample": (5, 3_270),
}
"""Symbols and bars of each, unless told otherwise."""


@dataclass(kw_only=True)
class Bench:
    """A universe in a state folder of its own."""

    state: Path
    symbols: int
    bars: int
    rounds: int = 1
    told: list[dict[str, Any]] = field(default_factory=list)
    """What the stages printed."""

    def stage(self, name: str, day: int = 0, *, rounds: int = 1) -> dict[str, Any]:
        """Runs a stage, some times over where it changes nothing; gives what the fastest printed."""
        tries: list[dict[str, Any]] = []
        for _ in range(rounds):
            command = [sys.executable, "-m", "tools.bench.stages", name, self.state, self.symbols, self.bars, day]
            ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            if ended.returncode:
                raise SystemExit(f"{name} failed:\n{ended.stderr[-3000:]}")
            tries.append(json.loads(ended.stdout.splitlines()[-1]))
        fastest = min(tries, key=lambda told: told["seconds"])
        self.told.append({"symbols": self.symbols, "bars": self.bars, "day": day, **fastest})
        print(f"  {name:<12}{fastest['seconds']:9.2f} s  {fastest['peak_mib']:7.0f} MiB", file=sys.stderr)
        return fastest

    def beside(self, symbols: int) -> Bench:
        """Another universe, of this run."""
        return replace(self, state=self.state.parent / str(symbols), symbols=symbols)

    def first_day(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Extract and normalize from nothing."""
        return self.stage("fetch"), self.stage("load")


def day_of_work(bench: Bench) -> Iterator[Line]:
    """The table of issues and docs."""
    count = bench.symbols * bench.bars
    fetched, loaded = bench.first_day()
    decoded, loads = bench.stage("decode", rounds=bench.rounds), bench.stage("loads", rounds=bench.rounds)
    copied = bench.stage("copy", rounds=bench.rounds)
    bench.stage("gold")
    next_fetched, next_loaded = bench.stage("fetch", 1), bench.stage("load", 1)
    next_gold, full_gold = bench.stage("gold", 1), bench.stage("refresh", 1)
    by_hand = bench.stage("sql_by_hand", 1)
    bench.stage("fetch", 2)
    restated = bench.stage("load", 2)
    restated_gold = bench.stage("gold", 2)
    yield Line("payload bytes to typed, checked bars", "json.loads of the same bytes", decoded, loads, 0.7)
    yield Line("first load into silver", "COPY into an unlogged table", loaded, copied, 2.5)
    yield Line("extract to silver, all in", "µs a bar", fetched["seconds"] + loaded["seconds"], count / 1e6, 4)
    yield Line(
        "next day, one bar a symbol: extract to silver",
        "its first load",
        next_fetched["seconds"] + next_loaded["seconds"],
        fetched["seconds"] + loaded["seconds"],
        0.03,
    )
    yield Line("next day: gold, without dbt's start", "its full refresh", next_gold["nodes"], full_gold["nodes"], 0.05)
    yield Line("all restated: silver", "first load", restated, loaded, 1.7)
    yield Line("all restated: gold", "its full refresh", restated_gold["nodes"], full_gold["nodes"], None)
    yield Line("gold, full refresh", "the same SQL by hand", full_gold["nodes"], by_hand["nodes"], 1.3)
    for name, found in bench.stage("size", 2).items():
        if "." in name:
            goal = 120 if name.startswith("silver") else None
            yield Line(f"{name}, indexes {found[1]} bytes a bar", "bytes a bar", found[0], 1, goal)


def memory(bench: Bench, sizes: Sequence[int] = (1, 500)) -> Iterator[Line]:
    """How much more extract and normalize need for many symbols than for one."""
    few, many = (max(told["peak_mib"] for told in bench.beside(symbols).first_day()) for symbols in sizes)
    yield Line(f"peak memory, {sizes[1]} symbols", f"MiB more than of {sizes[0]}", many - few, 1, 50)


def curve(bench: Bench, sizes: Sequence[int]) -> Iterator[Line]:
    """First load and next day of universes of several sizes."""
    a_bar: dict[int, float] = {}
    for symbols in sizes:
        one = bench.beside(symbols)
        first = [*one.first_day(), one.stage("gold")]
        following = [one.stage("fetch", 1), one.stage("load", 1), one.stage("gold", 1)]
        shutil.rmtree(one.state)
        for name, stages, goal in (("first load", first, None), ("next day", following, 60)):
            parts = " + ".join(f"{stage['seconds']:.1f}" for stage in stages)
            total = sum(stage["seconds"] for stage in stages)
            a_bar.setdefault(symbols, total / symbols)
            yield Line(f"{symbols:,} symbols, {name}: {parts}", "seconds", total, 1, goal)
    if len(sizes) > 1:
        yield Line(
            f"{sizes[-1]:,} symbols, time a bar", f"of {sizes[0]} symbols", a_bar[sizes[-1]], a_bar[sizes[0]], 1.2
        )


def qlib(bench: Bench) -> Iterator[Line]:
    """Qlib's task over gold."""
    import connectorx

    from stocks.embedded import open_embedded
    from stocks.settings import Settings

    bench.first_day()
    bench.stage("gold")
    with open_embedded(Settings(stocks_state_dir=bench.state)) as warehouse:
        began = perf_counter()
        # A sum over each column: the rows are computed, and not sent.
        totals = ", ".join(f"sum({name})" for name in factors.FACTORS)
        connectorx.read_sql(warehouse.url, f"select {totals} from ({factors.QUERY}) as made", return_type="polars")
        query = perf_counter() - began
        began = perf_counter()
        prices = connectorx.read_sql(warehouse.url, factors.PRICES, return_type="polars")
        read = perf_counter() - began
    began = perf_counter()
    made = factors.in_polars(prices)
    computed = perf_counter() - began
    print(f"{made.height:,} rows, read in {read:.1f} s", file=sys.stderr)
    yield Line("14 factors as one query over gold", "seconds; Qlib 147, MySQL 365", query, 1, 48)
    yield Line("14 factors in Polars over an export", "seconds", computed, 1, 7.4)


def sample(bench: Bench) -> Iterator[Line]:
    """What a newcomer runs first."""
    environment = {"PATH": os.defpath, "HOME": str(bench.state.parent), "STOCKS_STATE_DIR": str(bench.state)}
    for name, goal in (("from nothing", 8), ("again", 1)):
        began = perf_counter()
        subprocess.run([sys.executable, "-m", "stocks", "run"], env=environment, check=True, capture_output=True)
        yield Line(f"`stocks run` with the sample, {name}", "seconds", perf_counter() - began, 1, goal)


def fill(bench: Bench) -> Iterator[Line]:
    """A warehouse that stays, with companies' sectors."""
    for stage in ("overviews", "load", "gold"):
        yield Line(stage, "seconds", bench.stage(stage), 1, None)


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="?", choices=SIZES, default="day", help="what to measure")
    parser.add_argument("--state", type=Path, help="the state folder, which stays then (else a temporary one)")
    parser.add_argument("--symbols", type=int, help=f"how many companies ({_defaults(0)})")
    parser.add_argument("--bars", type=int, help=f"bars of each ({_defaults(1)})")
    parser.add_argument("--sizes", default="60,300,1500", help="of the universes of the curve")
    parser.add_argument("--rounds", type=int, default=3, help="of stages that change nothing: the fastest counts")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    asked = parser.parse_args()
    if asked.what == "fill" and asked.state is None:
        parser.error("fill needs --state")
    symbols, bars = SIZES[asked.what]
    with tempfile.TemporaryDirectory(prefix="stocks-bench-") as folder:
        bench = Bench(
            state=asked.state or Path(folder, "state"),
            symbols=asked.symbols or symbols,
            bars=asked.bars or bars,
            rounds=asked.rounds,
        )
        work: dict[str, Callable[[Bench], Iterable[Line]]] = {
            "day": day_of_work,
            "curve": lambda bench: curve(bench, [int(size) for size in asked.sizes.split(",")]),
            "factors": qlib,
            "fill": fill,
            "memory": memory,
            "sample": sample,
        }
        lines = list(work[asked.what](bench))
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} processors, {platform.machine()}, load {load:.1f}, Python {platform.python_version()}"
    print(printed(lines), f"\n{machine}", sep="")
    if asked.json:
        asked.json.write_text(
            json.dumps({"machine": machine, "lines": [line.facts for line in lines], "stages": bench.told}, indent=2)
        )


def _defaults(place: int) -> str:
    return ", ".join(f"{name} {sizes[place]:,}" for name, sizes in SIZES.items())


if __name__ == "__main__":
    main()
