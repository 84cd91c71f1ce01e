"""How fast silver decodes, against a decoder that builds a dictionary for each bar; both in one run.

    python tests/benchmarks/silver_decode.py [BARS]

The ratio is what to watch: the seconds are the machine's.
"""

import gc
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import perf_counter

import polars as pl

from stocks.providers import PROVIDERS
from stocks.providers.alphavantage.answers import DAILY, SERIES_KEYS
from stocks.providers.alphavantage.decode import decode, name_of
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of

ALPHA_VANTAGE = PROVIDERS["alphavantage"]
BARS_A_PAYLOAD = 6_500  # 26 years of sessions
ROUNDS = 3


def payload(bars: int) -> bytes:
    """A regular answer, newest bar first."""
    days = list(calendar_of("IBM").sessions(date(1999, 11, 1), date(1999, 11, 1) + timedelta(bars * 2)))[:bars]
    rows = {
        day.isoformat(): {
            "1. open": f"{100 + place % 50}.1200",
            "2. high": f"{101 + place % 50}.5000",
            "3. low": f"{99 + place % 50}.2500",
            "4. close": f"{100 + place % 50}.6100",
            "5. adjusted close": f"{100 + place % 50}.610000000000",
            "6. volume": str(3_000_000 + place),
            "7. dividend amount": "0.0000",
            "8. split coefficient": "1.0",
        }
        for place, day in enumerate(days)
    }
    meta = {"1. Information": "Daily Time Series with Splits and Dividend Events", "2. Symbol": "IBM"}
    return json.dumps({"Meta Data": meta, SERIES_KEYS[DAILY]: dict(reversed(rows.items()))}).encode()


def dictionary_a_bar(body: bytes) -> pl.DataFrame:
    """The plain way: a dictionary a bar, every number converted by hand."""
    series = json.loads(body)[SERIES_KEYS[DAILY]]
    return pl.DataFrame(
        [
            {"date_text": day, **{name_of(label): float(text) for label, text in row.items()}}
            for day, row in series.items()
        ]
    )


def judged(body: bytes) -> ParsedSeries:
    """Silver's way from the payload to the bars."""
    return judge_series(
        ALPHA_VANTAGE.read(body, DAILY),
        symbol="IBM",
        interval="daily",
        observed_at=datetime.now(UTC),
        calendar=calendar_of("IBM"),
        adjustment=ALPHA_VANTAGE.adjustment,
    )


def best_of(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of some rounds."""
    seconds = []
    for _ in range(rounds):
        gc.collect()
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return min(seconds)


def main(bars: int) -> None:
    """Prints the seconds of each way and how many times faster silver's is."""
    body, count = payload(BARS_A_PAYLOAD), -(-bars // BARS_A_PAYLOAD)
    assert len(judged(body).bars) == BARS_A_PAYLOAD
    ways: dict[str, Callable[[], object]] = {
        "a dictionary a bar": lambda: [dictionary_a_bar(body) for _ in range(count)],
        "decode": lambda: [decode(body, SERIES_KEYS[DAILY]) for _ in range(count)],
        "decode, judge and type": lambda: [judged(body) for _ in range(count)],
    }
    seconds = {name: best_of(ROUNDS, work) for name, work in ways.items()}
    print(f"{count * BARS_A_PAYLOAD:,} bars in {count} payloads of {len(body) / 1e6:.1f} MB, best of {ROUNDS}")
    plain = seconds["a dictionary a bar"]
    for name, taken in seconds.items():
        print(f"{name:<24}{taken:7.2f} s{plain / taken:7.1f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 390_000)
