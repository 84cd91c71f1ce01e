"""Peak memory and time of each stage of one task, in Polars, pandas and DuckDB: printed, and plotted as SVG.

    python -m tools.bench.audit_mem [--symbols 60] [--bars 6500] [--svg FILE] [--json FILE]

The task is what the pipeline does with a provider's answers: read JSON into typed columns; returns, their deviation
over a year and their z-score against the 60 bars before; write Parquet. Each stage is written as a user of that library
would write it, and is a process of its own, which reads what the stage before it left.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from tools.bench.provider import MadeUp, symbol_of

LIBRARIES = ("polars", "pandas", "duckdb")
STAGES = ("decode", "metrics")
_COLUMNS = {
    "1. open": "open",
    "2. high": "high",
    "3. low": "low",
    "4. close": "close",
    "5. adjusted close": "adjusted_close",
    "6. volume": "volume",
    "7. dividend amount": "dividend_amount",
    "8. split coefficient": "split_coefficient",
}
_SERIES = "Time Series (Daily)"


def decode_polars(answers: list[Path], out: Path) -> None:
    """As the pipeline does: typed structs, no dictionary a bar."""
    import polars as pl

    from stocks.providers.alphavantage.decode import decode

    frames = []
    for path in answers:
        rows = decode(path.read_bytes(), _SERIES).rows.drop("row")
        frames.append(
            rows.select(
                pl.lit(path.stem).alias("symbol"),
                pl.col("date_text").str.to_date().alias("price_date"),
                *_COLUMNS.values(),
            )
        )
    pl.concat(frames).sort("symbol", "price_date").write_parquet(out)


def decode_pandas(answers: list[Path], out: Path) -> None:
    """The usual way: json.loads, a frame of dictionaries, astype."""
    import pandas as pd

    frames = []
    for path in answers:
        rows = json.loads(path.read_bytes())[_SERIES]
        frame = pd.DataFrame.from_dict(rows, orient="index").rename(columns=_COLUMNS).astype(float)
        frame.insert(0, "price_date", pd.to_datetime(frame.index))
        frame.insert(0, "symbol", path.stem)
        frames.append(frame)
    pd.concat(frames).sort_values(["symbol", "price_date"]).to_parquet(out, index=False)


def decode_duckdb(answers: list[Path], out: Path) -> None:
    """As its JSON extension does it: the series as a map of structs, unnested."""
    import duckdb

    fields = ", ".join(f'"{label}" VARCHAR' for label in _COLUMNS)
    numbers = ", ".join(f'row."{label}"::DOUBLE as {name}' for label, name in _COLUMNS.items())
    duckdb.sql(
        f"""
        copy (
            select symbol, day::DATE as price_date, {numbers}
            from (
                select
                    parse_filename(filename, true) as symbol,
                    unnest(map_keys(series)) as day,
                    unnest(map_values(series)) as row
                from (
                    select filename, "{_SERIES}" as series
                    from read_json(
                        '{answers[0].parent}/*.json', filename = true, maximum_object_size = 67108864,
                        columns = {{'{_SERIES}': 'MAP(VARCHAR, STRUCT({fields}))'}}
                    )
                )
            )
            order by symbol, price_date
        ) to '{out}' (format parquet)
        """
    )


def metrics_polars(bars: Path, out: Path) -> None:
    """Lazy, over each symbol."""
    import polars as pl

    r = pl.col("r")
    before = r.shift(1)
    (
        pl.scan_parquet(bars)
        .with_columns(r=(pl.col("adjusted_close") / pl.col("adjusted_close").shift(1) - 1).over("symbol"))
        .with_columns(
            volatility=(((1 + r).log().rolling_std(252)) * 252**0.5).over("symbol"),
            z=((r - before.rolling_mean(60)) / before.rolling_std(60)).over("symbol"),
        )
        .collect()
        .write_parquet(out)
    )


def metrics_pandas(bars: Path, out: Path) -> None:
    """By groups, with rolling windows."""
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(bars)
    frame["r"] = frame.groupby("symbol")["adjusted_close"].pct_change()
    by_symbol = frame.assign(log=np.log1p(frame["r"])).groupby("symbol")
    frame["volatility"] = by_symbol["log"].transform(lambda log: log.rolling(252).std()) * 252**0.5
    frame["z"] = by_symbol["r"].transform(lambda r: (r - r.shift(1).rolling(60).mean()) / r.shift(1).rolling(60).std())
    frame.to_parquet(out, index=False)


def metrics_duckdb(bars: Path, out: Path) -> None:
    """Windows in SQL."""
    import duckdb

    duckdb.sql(
        f"""
        copy (
            select
                *,
                case when count(r) over year = 252 then stddev_samp(ln(1 + r)) over year * sqrt(252) end as volatility,
                case when count(r) over before = 60 then (r - avg(r) over before) / stddev_samp(r) over before end as z
            from (
                select
                    *,
                    adjusted_close / lag(adjusted_close) over (partition by symbol order by price_date) - 1 as r
                from '{bars}'
            )
            window
                year as (partition by symbol order by price_date rows 251 preceding),
                before as (partition by symbol order by price_date rows between 60 preceding and 1 preceding)
            order by symbol, price_date
        ) to '{out}' (format parquet)
        """
    )


WORK: dict[str, Callable[..., None]] = {
    work.__name__: work
    for work in (decode_polars, decode_pandas, decode_duckdb, metrics_polars, metrics_pandas, metrics_duckdb)
}


def one(name: str, folder: Path) -> None:
    """Runs one stage of one library, after its imports, and prints what it took."""
    stage, library = name.split("_")
    __import__(library)
    if stage == "decode":
        given: Any = sorted((folder / "answers").glob("*.json"))
        out = folder / f"bars_{library}.parquet"
    else:
        given, out = folder / f"bars_{library}.parquet", folder / f"metrics_{library}.parquet"
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = perf_counter()
    WORK[name](given, out)
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"stage": stage, "library": library, "seconds": seconds, "peak_mib": peak, "imported_mib": idle}))


def agree(folder: Path) -> None:
    """All three must have computed the same, or their times say nothing.

    Raises:
        SystemExit: They have not.
    """
    import polars as pl

    first, *others = (
        pl.read_parquet(folder / f"metrics_{library}.parquet").select(
            pl.col("volatility", "z").fill_nan(None).sum(), n=pl.col("z").fill_nan(None).count()
        )
        for library in LIBRARIES
    )
    for other in others:
        for name in first.columns:
            a, b = first[name][0], other[name][0]
            if abs(a - b) > 1e-6 * max(1, abs(a)):
                raise SystemExit(f"{name} differs: {a} and {b}.")


def main() -> None:
    """Measures all, prints and plots it."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.audit_mem", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--symbols", type=int, default=60)
    parser.add_argument("--bars", type=int, default=6_500)
    parser.add_argument("--svg", type=Path, help="a file for the plot")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], Path(asked.one[1]))
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "answers").mkdir()
        provider = MadeUp(bars=asked.bars)
        for number in range(asked.symbols):
            symbol = symbol_of(number)
            (folder / "answers" / f"{symbol}.json").write_bytes(provider.body(symbol, full=True))
        told = []
        for stage in STAGES:
            for library in LIBRARIES:
                command = [sys.executable, "-m", "tools.bench.audit_mem", "--one", f"{stage}_{library}", text]
                ended = subprocess.run(command, check=True, capture_output=True, text=True)
                told.append(json.loads(ended.stdout))
        agree(folder)
    print(f"{asked.symbols} symbols x {asked.bars:,} bars\n")
    print("| stage | library | seconds | of Polars | peak MiB | of Polars |\n| --- | --- | --- | --- | --- | --- |")
    polars = {each["stage"]: each for each in told if each["library"] == "polars"}
    for each in told:
        ratios = [each[name] / polars[each["stage"]][name] for name in ("seconds", "peak_mib")]
        print(
            f"| {each['stage']} | {each['library']} | {each['seconds']:.2f} | {ratios[0]:.1f} "
            f"| {each['peak_mib']:.0f} | {ratios[1]:.1f} |"
        )
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2))
    if asked.svg:
        plot(told, asked.svg)


def plot(told: list[dict[str, Any]], path: Path) -> None:
    """Bars of seconds and of memory, by stage and library."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, name, label in zip(axes, ("seconds", "peak_mib"), ("seconds", "peak memory, MiB"), strict=True):
        for place, library in enumerate(LIBRARIES):
            values = [each[name] for each in told if each["library"] == library]
            bars = axis.bar([at + 0.26 * place for at in range(len(STAGES))], values, width=0.24, label=library)
            axis.bar_label(bars, fmt="%.3g", fontsize=8)
        axis.set_xticks([at + 0.26 for at in range(len(STAGES))], STAGES)
        axis.set_ylabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
