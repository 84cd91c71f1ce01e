"""A disk that fills up, and a server's process that is killed: the run says so and ends, and the next one heals."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.instance import Event, Instance, events

from stocks.embedded import EmbeddedPostgres

pytestmark = pytest.mark.slow

BARS = "select symbol, count(*) from gold.fact_adjusted_prices group by symbol order by symbol"
MEGABYTES = 192
LOG_LEFT = r"""
select count(*) * 16777216 - (pg_walfile_name_offset(pg_current_wal_insert_lsn())).file_offset
from pg_ls_waldir()
where name ~ '^[0-9A-F]{24}$' and name >= pg_walfile_name(pg_current_wal_insert_lsn())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as small as an embedded server can do with."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a file system can't be mounted here: that takes root, and a kernel that lets it")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, *, but: int) -> Path:
    """Takes all room but so many bytes."""
    ballast = disk / "ballast"
    left = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - but)
    return ballast


def use_up_log(server: EmbeddedPostgres) -> None:
    """Leaves half a megabyte in the files that the write-ahead log has: what is more needs room for a new one."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as own:
        own.execute("checkpoint")
        while (left := own.execute(LOG_LEFT).fetchone() or (0,))[0] > 2**19:
            own.execute("select pg_logical_emit_message(true, '', repeat('x', %s))", [min(left[0] - 2**18, 2**20)])


def wait_for_end(server: EmbeddedPostgres) -> None:
    """A server that panics loses its clients first: it tries to recover, fails, and ends a moment later."""
    deadline = time.monotonic() + 60
    while server.is_running():
        assert time.monotonic() < deadline, "the server went on without room for its log"
        time.sleep(0.05)


def test_a_disk_that_fills_ends_the_run_which_heals_with_room(small_disk: Path, tmp_path: Path) -> None:
    # Answers are kept elsewhere: it is the server that meets the full disk.
    instance = Instance.make(small_disk / "state", STOCKS_STORE_URL=(tmp_path / "bronze").as_uri())
    with EmbeddedPostgres(instance.state).running() as server:
        assert instance.stocks("run", "--tickers", "FB", "--json").returncode == 0
        use_up_log(server)
        ballast = fill(small_disk, but=6 * 2**20)
        # In the middle of gold the server finds no room for its log, and goes down; it can't be started, either.
        for command in ("gold", "status"):
            ended = instance.stocks(command, "--json")
            wait_for_end(server)
            assert ended.returncode == 78, ended.stdout + ended.stderr
            [error] = [event for event in events(ended) if event["event"] == "error"]
            assert "disk" in error["message"]
            assert "No space left on device" in error["message"]
            assert "Free some space" in error["hint"]
        ballast.unlink()
        assert instance.query(BARS) == ["FB,196"]
        ballast = fill(small_disk, but=2**18)
        ended = instance.stocks("run", "--tickers", "AAPL,IBM", "--json")
        assert ended.returncode == 78, ended.stdout + ended.stderr
        [error] = [event for event in events(ended) if event["event"] == "error"]
        assert error["subject"] == "normalize"
        assert "No space left on device" in error["message"]
        ballast.unlink()
        assert instance.query(BARS) == ["FB,196"]
        healed = instance.stocks("run", "--tickers", "AAPL,IBM", "--json")
        assert healed.returncode == 0, healed.stdout + healed.stderr
        assert instance.query(BARS) == ["AAPL,3270", "FB,196", "IBM,3270"]


def test_a_backend_that_is_killed_in_a_replay_ends_it_and_the_next_one_heals(tmp_path: Path) -> None:
    instance = Instance.make(tmp_path / "state")
    with EmbeddedPostgres(instance.state).running() as server:
        assert instance.stocks("run", "--tickers", "AAPL,FB", "--json").returncode == 0
        before = instance.gold()

        with contextlib.closing(psycopg.connect(server.url("postgres"), autocommit=True)) as own:
            # The replay waits for a symbol: it is in the middle of its transaction when its backend is killed.
            own.execute("select pg_advisory_lock(hashtextextended('silver.AAPL', 0))")

            def kill_backend(event: Event) -> bool:
                if (event["event"], event.get("stage")) != ("begin", "replay"):
                    return False
                waiting = "select pid from pg_locks where locktype = 'advisory' and not granted"
                while (found := own.execute(waiting).fetchone()) is None:
                    time.sleep(0.01)
                os.kill(found[0], signal.SIGKILL)
                return True

            # The run itself gets a signal that it does nothing at.
            assert instance.stop_when(kill_backend, "replay", by=signal.SIGCONT) == 75
        healed = instance.stocks("replay", "--json")
        assert healed.returncode == 0, healed.stdout + healed.stderr
        assert instance.gold() == before
