"""What is measured: one stage of a day's work each, in a process of its own, so that peak memory is the stage's.

    python -m tools.bench.stages STAGE STATE_DIR SYMBOLS BARS DAY

It prints a line of JSON: seconds by the wall and of the processor, peak memory, and what it did.
"""

from __future__ import annotations

import json
import resource
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import psycopg
from pydantic import SecretStr
from tools.bench.provider import MadeUp, symbol_of

from stocks.bronze import Bronze, open_bronze
from stocks.bronze.extract import extract
from stocks.embedded import open_embedded
from stocks.errors import StocksError
from stocks.gold import build_gold
from stocks.gold.progress import NodeProgress
from stocks.outcome import Outcome
from stocks.providers import Unlimited, open_sources
from stocks.report import Report
from stocks.settings import Settings
from stocks.warehouse import Warehouse
from stocks.warehouse.normalize import normalize, parse
from stocks.warehouse.runlog import RunLog
from stocks.warehouse.tails import open_tails


@dataclass(kw_only=True)
class Work:
    """What a stage works on."""

    settings: Settings
    provider: MadeUp
    tickers: list[str]
    warehouse: Warehouse
    bronze: Bronze


def fetch(work: Work, *, overview: bool = False) -> dict[str, Any]:
    """Answers into bronze; what the provider took is taken off."""
    with (
        open_sources(
            work.settings, lambda _: Unlimited(), transport=work.provider, clock=lambda: work.provider.now
        ) as sources,
        open_tails(work.warehouse, work.settings, work.tickers) as tails,
    ):
        done = _checked(extract(sources, work.bronze, work.tickers, report=Report(), overview=overview, tails=tails))
    return {"answers": done.written, "bytes": work.provider.served, "not_ours": work.provider.seconds}


def overviews(work: Work) -> dict[str, Any]:
    """The companies' attributes too, into bronze."""
    return fetch(work, overview=True)


def load(work: Work) -> dict[str, Any]:
    """Answers from bronze into silver."""
    return asdict(_checked(normalize(work.bronze, work.warehouse, work.tickers, report=Report())).counts)


def decode(work: Work) -> dict[str, Any]:
    """Whole answers into typed, checked bars; reading them is taken off."""
    bars, keys = 0, [work.bronze.objects(symbol)[0] for symbol in work.tickers]
    began = perf_counter()
    for key in keys:
        work.bronze.read(key)
    reading = perf_counter() - began
    for key in keys:
        bars += parse(work.bronze, key).series.bars.height
    return {"bars": bars, "not_ours": 2 * reading}


def loads(work: Work) -> dict[str, Any]:
    """The reference of `decode`: json.loads of the same bytes."""
    keys = [work.bronze.objects(symbol)[0] for symbol in work.tickers]
    began = perf_counter()
    for key in keys:
        work.bronze.read(key)
    reading = perf_counter() - began
    for key in keys:
        json.loads(work.bronze.read(key))
    return {"not_ours": 2 * reading}


def copy(work: Work) -> dict[str, Any]:
    """The reference of the first load: COPY of silver's rows into an unlogged table without an index."""
    columns = (
        "symbol, interval, source, price_date, open, high, low, close, adjusted_close, volume, dividend_amount, "
        "split_coefficient, is_final"
    )
    with psycopg.connect(work.warehouse.url, autocommit=True) as connection:
        connection.execute(f"create unlogged table public.copied as select {columns} from silver.price_bar limit 0")
        began = perf_counter()
        texts = []
        with connection.cursor().copy(f"copy (select {columns} from silver.price_bar) to stdout") as out:
            texts = [bytes(text) for text in out]
        not_ours = perf_counter() - began
        with connection.cursor().copy(f"copy public.copied ({columns}) from stdin") as into:
            for first in range(0, len(texts), 1000):
                into.write(b"".join(texts[first : first + 1000]))
        began = perf_counter()
        connection.execute("drop table public.copied")
        not_ours += perf_counter() - began
    return {"bars": len(texts), "not_ours": not_ours}


def gold(work: Work, *, full_refresh: bool = False) -> dict[str, Any]:
    """A build by dbt with its tests; `nodes`: from the first node's begin to the last's end, without the start."""
    log = RunLog(work.warehouse, uuid.uuid4())
    log.begin("gold", source="alphavantage", series="daily_adjusted")
    artifacts = work.settings.stocks_state_dir / "dbt"
    build = build_gold(
        work.warehouse,
        run_id=log.run_id,
        artifacts=artifacts,
        progress=NodeProgress(Report()),
        say=print,
        full_refresh=full_refresh,
    )
    log.end(0, "")
    took = timings(artifacts)
    return {
        "models": build.models,
        "tests": build.tests,
        "nodes": max(end for _, end, _ in took) - min(begin for begin, _, _ in took),
        "longest": sorted(((round(end - begin, 3), name) for begin, end, name in took), reverse=True)[:8],
    }


def refresh(work: Work) -> dict[str, Any]:
    """The reference of gold's next day: all of it from nothing."""
    return gold(work, full_refresh=True)


def sql_by_hand(work: Work) -> dict[str, Any]:
    """The reference of gold's full refresh: what dbt compiled then, its models and tests, in one session by hand."""
    manifest, results = _artifacts(work.settings.stocks_state_dir / "dbt")
    seconds = 0.0
    with psycopg.connect(work.warehouse.url, autocommit=True) as connection:
        connection.execute("drop schema if exists by_hand cascade; create schema by_hand")
        for node in manifest["nodes"].values():
            if node["resource_type"] == "seed":  # their rows are dbt's to bring
                name = node["alias"]
                connection.execute(f'create view by_hand."{name}" as select * from gold."{name}"'.encode())
        for result in sorted(results, key=lambda result: [timing["started_at"] or "" for timing in result["timing"]]):
            node = manifest["nodes"].get(result["unique_id"])
            if not result.get("compiled_code") or node is None or result["status"] == "skipped":
                continue
            text = result["compiled_code"].replace('"gold_next"', '"by_hand"')
            kind = node["config"]["materialized"]
            if node["resource_type"] == "test":
                statement = f"select count(*) from (\n{text}\n) as failing"
            elif node["resource_type"] == "model":
                made = "view" if kind == "view" else "table"
                statement = f'create {made} by_hand."{node["alias"]}" as {text}'
            else:
                continue
            began = perf_counter()
            connection.execute(statement.encode())
            if node["resource_type"] == "model" and kind != "view":
                connection.execute(f'analyze by_hand."{node["alias"]}"'.encode())
            seconds += perf_counter() - began
        connection.execute("drop schema by_hand cascade")
    return {"nodes": seconds}


def size(work: Work) -> dict[str, Any]:
    """Bytes a bar, indexes apart, in silver and in gold."""
    with psycopg.connect(work.warehouse.url, autocommit=True) as connection:
        rows = connection.execute(
            """
            select nspname, relname, reltuples, pg_table_size(pg_class.oid), pg_indexes_size(pg_class.oid)
            from pg_class join pg_namespace on relnamespace = pg_namespace.oid
            where nspname in ('silver', 'gold', 'gold_next') and relkind = 'r' and reltuples >= %s
            order by 4 desc
            """,
            [len(work.tickers) * work.provider.bars / 2],
        ).fetchall()
    return {
        f"{schema}.{name}": (round(table / tuples), round(index / tuples))
        for schema, name, tuples, table, index in rows
    }


STAGES: dict[str, Callable[[Work], dict[str, Any]]] = {
    stage.__name__: stage for stage in (fetch, overviews, load, decode, loads, copy, gold, refresh, sql_by_hand, size)
}


def timings(artifacts: Path) -> list[tuple[float, float, str]]:
    """Begin and end, in seconds, and name of each node of dbt's last run."""
    from datetime import datetime

    _, results = _artifacts(artifacts)
    found = []
    for result in results:
        for timing in result["timing"]:
            if timing["name"] == "execute" and timing["completed_at"]:
                begin, end = (
                    datetime.fromisoformat(timing[f"{when}_at"]).timestamp() for when in ("started", "completed")
                )
                found.append((begin, end, result["unique_id"].split(".")[2]))
    return found


def _artifacts(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest, results = (
        max(folder.rglob(name), key=lambda path: path.stat().st_mtime) for name in ("manifest.json", "run_results.json")
    )
    return json.loads(manifest.read_text()), json.loads(results.read_text())["results"]


def _checked(outcome: Outcome) -> Outcome:
    for symbol, error in outcome.errors.items():
        raise StocksError(f"{symbol}: {error.message}")
    return outcome


def main() -> None:
    """Runs one stage; its time begins when everything is imported and connected."""
    stage, state, symbols, bars, day = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])
    provider = MadeUp(bars=bars, day=day)
    settings = Settings(
        stocks_source="alphavantage",
        stocks_series="daily_adjusted",
        alphavantage_api_key=SecretStr("of-a-benchmark"),
        stocks_state_dir=state,
    )
    with open_embedded(settings) as warehouse:
        work = Work(
            settings=settings,
            provider=provider,
            tickers=[symbol_of(number) for number in range(symbols)],
            warehouse=warehouse,
            bronze=open_bronze(settings),
        )
        began, began_at_work = perf_counter(), process_time()
        told = STAGES[stage](work)
        seconds, at_work = perf_counter() - began, process_time() - began_at_work
    seconds -= told.pop("not_ours", 0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"stage": stage, "seconds": seconds, "cpu": at_work, "peak_mib": peak, **told}))


if __name__ == "__main__":
    main()
