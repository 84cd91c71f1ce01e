"""A fault in one series holds that series alone, and the next good answer lets it go."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.instance import Instance

FRIDAY, MONDAY, TUESDAY = "2005-02-25", "2005-02-28", "2005-03-01"
LATEST = "select symbol, max(price_date) from gold.fact_adjusted_prices group by symbol order by symbol"


def worsen(instance: Instance, spoil: Any) -> None:
    """Puts a worse copy of AAPL's latest answer into bronze, given on the Monday after the others of that day.

    Before it comes one that says the same as the latest: what is held was told twice then.
    """
    *_, latest = sorted((instance.state / "bronze" / "series" / "AAPL").rglob("*.gz"))
    answer = json.loads(gzip.decompress(latest.read_bytes()))
    [series] = (value for name, value in answer.items() if name != "Meta Data")
    for moment, change in (("20050228T120000Z", lambda _: None), ("20050228T235900Z", spoil)):
        change(series)
        body = json.dumps(answer).encode()
        copy = latest.with_name(f"{moment}-{hashlib.sha256(body).hexdigest()}.json.gz")
        copy.write_bytes(gzip.compress(body))


def last_hundred(series: dict[str, Any]) -> None:
    for day in sorted(series)[:-100]:
        del series[day]


def two_bases(series: dict[str, Any]) -> None:
    for day in sorted(series)[:600]:
        series[day]["5. adjusted close"] = str(float(series[day]["5. adjusted close"]) / 2)


def no_prices(series: dict[str, Any]) -> None:
    for day in sorted(series)[::3]:
        series[day]["4. close"] = "0"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (last_hundred, "It lacks 1,154 of the 1,254 final bars told before, from 2000-03-01 to "),
        (two_bases, "The series is on two bases: "),
        (no_prices, "rows break a rule."),
    ],
)
def test_a_held_series_holds_up_nobody_else(instance: Instance, spoil: Any, why: str) -> None:
    assert instance.stocks("run", STOCKS_SAMPLE_AS_OF=FRIDAY).returncode == 0
    worsen(instance, spoil)
    ended = instance.stocks("run", "--json", STOCKS_SAMPLE_AS_OF=MONDAY)
    assert ended.returncode == 65, ended.stdout + ended.stderr
    assert why in ended.stdout
    days = dict(row.split(",") for row in instance.query(LATEST))
    assert days.pop("AAPL") == FRIDAY
    assert set(days.values()) == {MONDAY}
    [held] = instance.query("select symbol, interval, source, held_since, reason from gold.held_series")
    assert held.startswith("AAPL,daily,sample,2005-02-28 23:59:00")
    assert why in held
    summary = "select symbol, held_since is not null, held_reason is not null from gold.mart_stock_summary order by 1"
    assert [row for row in instance.query(summary) if "True" in row] == ["AAPL,True,True"]
    assert instance.query(
        "select failures from gold.data_quality where rule = 'assert_no_series_is_held' order by build_id desc limit 1"
    ) == ["1"]
    status = instance.stocks("status", "--json", STOCKS_SAMPLE_AS_OF=MONDAY).stdout
    assert why in status
    healed = instance.stocks("run", "--json", STOCKS_SAMPLE_AS_OF=TUESDAY)
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert instance.query("select count(*) from gold.held_series") == ["0"]
    assert set(dict(row.split(",") for row in instance.query(LATEST)).values()) == {TUESDAY}


def test_an_accepted_answer_is_taken_and_stays_so(instance: Instance) -> None:
    assert instance.stocks("run", STOCKS_SAMPLE_AS_OF=FRIDAY).returncode == 0
    for rule, words in (("bars_missing", "is not held by bars_missing, but by nothing"), ("two_bases", "no rule that")):
        early = instance.stocks("accept", "AAPL", rule)
        assert early.returncode == 78
        assert words in early.stderr
    for symbols in ("AAPL,IBM", ""):
        several = instance.stocks("accept", symbols, "bars_missing")
        assert (several.returncode, several.stdout) == (78, "")
        assert json.loads(several.stderr)["message"] == "One symbol at a time is accepted."
    worsen(instance, last_hundred)
    held = instance.stocks("run", STOCKS_SAMPLE_AS_OF=MONDAY)
    assert held.returncode == 65
    assert "stocks accept AAPL bars_missing" in " ".join((held.stdout + held.stderr).split())
    accepted = instance.stocks("accept", "aapl", "bars_missing", "--by", "ann")
    assert accepted.returncode == 0, accepted.stderr
    assert instance.query("select symbol, rule, accepted_by from ops.accepted_fault") == ["AAPL,bars_missing,ann"]
    bars = "select count(*) from gold.fact_adjusted_prices where symbol = 'AAPL'"
    for command in ("run", "replay"):
        taken = instance.stocks(command, STOCKS_SAMPLE_AS_OF=MONDAY)
        assert taken.returncode == 0, taken.stdout + taken.stderr
        assert instance.query(bars) == ["100"]
        assert instance.query("select bars_withdrawn from silver.restatement where symbol = 'AAPL'") == ["1154"]
    assert instance.query("select count(*) from gold.held_series") == ["0"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs the right to become somebody else")
def test_who_accepts_needs_no_name() -> None:
    script = "import os; from stocks.cli.warehouse import user; os.setuid(54321); print(user())"
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("uid 54321\n", "")
