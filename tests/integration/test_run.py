"""The whole pipeline from the command line, over the sample."""

from __future__ import annotations

import fcntl
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.instance import Event, Instance, events

COUNTS = (
    "select symbol, interval, count(*), min(price_date), max(price_date) from gold.fact_adjusted_prices group by 1, 2"
)
WRITTEN = """
select (select count(*) from silver.price_bar), (select max(load_id) from ops.bronze_object),
       (select max(build_id) from ops.gold_build), (select sum(xmin::text::bigint) from silver.bar)
"""


def files(instance: Instance) -> dict[str, int]:
    bronze = instance.state / "bronze"
    return {str(path): path.stat().st_mtime_ns for path in bronze.rglob("*") if path.is_file()}


def test_a_run_brings_the_whole_sample_to_gold(sample_instance: Instance) -> None:
    assert sorted(sample_instance.query(COUNTS)) == [
        "AAPL,daily,3270,2000-03-01,2013-03-01",
        "FB,daily,196,2012-05-18,2013-03-01",
        "GOOG,daily,2148,2004-08-19,2013-03-01",
        "IBM,daily,3270,2000-03-01,2013-03-01",
        "MSFT,daily,3270,2000-03-01,2013-03-01",
    ]


def test_a_second_run_writes_nothing_and_says_so(sample_instance: Instance) -> None:
    before = files(sample_instance), sample_instance.query(WRITTEN)
    ended = sample_instance.stocks("run", "--json")
    assert ended.returncode == 0
    assert (files(sample_instance), sample_instance.query(WRITTEN)) == before
    *_, last = events(ended)
    assert last["unchanged"] is True
    assert "Nothing new" in ended.stdout
    assert sum(event["event"] == "ticker" for event in events(ended)) == 5


def test_the_last_screen_is_for_a_person(sample_instance: Instance) -> None:
    screen = sample_instance.stocks("run", "--output", "text").stdout
    for expected in ("AAPL", "3,270", "2000-03-01", "2013-03-01", "430.47", "USD", "Seconds:", "stocks status"):
        assert expected in screen
    assert "{" not in screen


def test_the_password_file_is_private_and_the_server_is_gone(sample_instance: Instance) -> None:
    passwords = sample_instance.state / "postgres" / "passwords.json"
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    assert not (sample_instance.state / "postgres" / "data" / "postmaster.pid").exists()


def test_an_unknown_ticker_fails_alone(instance: Instance) -> None:
    ended = instance.stocks("run", "--tickers", "FB,NOPE", "--json")
    assert ended.returncode == 65
    rows = {event["symbol"]: event for event in events(ended) if event["event"] == "ticker"}
    assert rows["FB"]["bars"] == 196
    assert rows["NOPE"]["note"] == "unknown symbol"
    assert "NOPE: the provider does not know the symbol" in ended.stdout
    assert instance.query("select symbol, count(*) from gold.fact_adjusted_prices group by 1") == ["FB,196"]
    assert instance.query("select exit_code from ops.run where command = 'run'") == ["65"]


def is_at(stage: str, done: int) -> Callable[[Event], bool]:
    def reached(event: Event) -> bool:
        return event.get("stage") == stage and int(event.get("done", 0)) >= done

    return reached


@pytest.mark.parametrize(
    ("stage", "done"), [("extract", 2), ("normalize", 1), ("normalize", 4), ("gold", 1), ("gold", 25), ("gold", 45)]
)
def test_a_killed_run_leaves_nothing_half_done(
    instance: Instance, sample_instance: Instance, stage: str, done: int
) -> None:
    assert instance.stop_when(is_at(stage, done), "run") == -signal.SIGKILL
    ended = instance.stocks("run", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert instance.gold() == sample_instance.gold()
    assert instance.query("select message from ops.run where exit_code is null") == ["killed"]


def test_a_killed_server_recovers(instance: Instance) -> None:
    assert instance.stocks("run", "--tickers", "FB").returncode == 0
    with subprocess.Popen(
        [sys.executable, "-m", "stocks", "env", "--", "sleep", "30"],
        env=instance.environment,
        cwd=instance.state.parent,
    ) as holder:
        pid_file = instance.state / "postgres" / "data" / "postmaster.pid"
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and len(pid_file.read_text().splitlines()) >= 8):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
        subprocess.run(["kill", "-9", pid_file.read_text().splitlines()[0]], check=True)
        holder.kill()
    ended = instance.stocks("run", "--tickers", "FB", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert instance.query("select count(*) from gold.fact_adjusted_prices") == ["196"]


@pytest.mark.parametrize(("stage", "done"), [("extract", 1), ("gold", 10)])
def test_ctrl_c_ends_cleanly_and_is_noted(instance: Instance, stage: str, done: int) -> None:
    assert instance.stop_when(is_at(stage, done), "run", "--tickers", "FB,GOOG", by=signal.SIGINT) == 130
    assert not (instance.state / "postgres" / "data" / "postmaster.pid").exists()
    assert instance.query("select exit_code from ops.run") == ["130"]
    assert instance.stocks("run", "--tickers", "FB,GOOG").returncode == 0


def test_two_runs_at_once_take_turns(instance: Instance) -> None:
    command = [sys.executable, "-m", "stocks", "run", "--tickers", "FB", "--json"]
    both = [
        subprocess.Popen(
            command, env=instance.environment, cwd=instance.state.parent, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("Another run is at work" in text for text in said)
    assert instance.query("select count(*) from ops.gold_build") == ["1"]
    assert instance.query("select count(*) from gold.fact_adjusted_prices") == ["196"]


def test_an_instance_beside_another_has_its_own_server(sample_instance: Instance, instance: Instance) -> None:
    assert instance.query("select count(*) from silver.price_bar") == ["0"]
    assert sample_instance.query("select count(*) from silver.price_bar") == ["12154"]


def test_the_runs_lock_is_no_file(instance: Instance) -> None:
    """A lock file that outlives its process would need a person to remove it; flock and advisory locks don't."""
    assert instance.stocks("status").returncode == 0
    for path in (instance.state / "postgres").glob("*.lock"):
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
