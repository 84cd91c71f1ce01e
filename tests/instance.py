"""A state folder, and the command line over it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import forked

from stocks.cli.running import open_warehouse
from stocks.settings import Settings
from stocks.warehouse.query import read

TABLES = (
    "dim_stock",
    "dim_stock_history",
    "dim_date",
    "dim_source",
    "fact_adjusted_prices",
    "fact_weekly_prices",
    "mart_stock_summary",
)
# A load's number counts what a warehouse has been through, not what it holds.
_ROWS = "select (to_jsonb(t) - 'silver_load_id')::text from gold.{table} as t order by 1"

Event = dict[str, Any]


def copy_of(state: Path, place: Path) -> Path:
    """Copies a state folder whose server is stopped, files of the server's account among them; gives the copy."""
    subprocess.run(["cp", "-a", state, place], check=True)
    return place


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance of its own, with nothing of the outer environment but what programs need to start."""

    state: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, state: Path, **variables: str) -> Instance:
        """An instance in a folder."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR") or name.startswith(("COVERAGE_", "COV_CORE_"))
        }
        return cls(state=state, environment={**kept, "STOCKS_STATE_DIR": str(state), **variables})

    @property
    def dbt(self) -> Path:
        """The program dbt of this environment."""
        return Path(sys.executable).parent / "dbt"

    def stocks(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `stocks` to its end."""
        return self.run("stocks", *arguments, **variables)

    def run(self, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end: one of those in `forked`."""
        env = {**self.environment, **variables}
        cwd = self.state.parent  # no .env there
        if not any(name.startswith("PYTHON") for name in variables):
            return forked.run(program, arguments, env=env, cwd=cwd)
        command = [sys.executable, "-m", program, *arguments]  # Python reads them when it starts
        return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)

    def stop_when(
        self, reached: Callable[[Event], bool], *arguments: str, by: signal.Signals = signal.SIGKILL, **variables: str
    ) -> int:
        """Runs `stocks --json` and sends it a signal as soon as it says something; gives its exit code."""
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "told"
            os.mkfifo(told)
            env = {**self.environment, **variables}
            process = forked.start("stocks", [*arguments, "--json"], env=env, cwd=self.state.parent, stdout=str(told))
            with told.open() as lines:
                for line in lines:
                    if reached(json.loads(line)):
                        assert process.pid is not None
                        os.kill(process.pid, by)
                        break
                else:
                    raise AssertionError("The run ended before it got there.")
                lines.read()
            process.join(60)
            assert process.exitcode is not None
            return process.exitcode

    def query(self, statement: str) -> list[str]:
        """A query's rows, their values as text with commas between."""
        settings = Settings(_env_file=None, stocks_state_dir=self.state)
        with open_warehouse(settings) as warehouse:
            return [",".join(map(str, row)) for row in read(warehouse, statement).rows]

    def gold(self) -> dict[str, list[str]]:
        """Every row of gold as JSON text, by table, sorted."""
        settings = Settings(_env_file=None, stocks_state_dir=self.state)
        with open_warehouse(settings) as warehouse:
            return {table: [row[0] for row in read(warehouse, _ROWS.format(table=table)).rows] for table in TABLES}


def events(ended: subprocess.CompletedProcess[str]) -> list[Event]:
    """The events that a command printed as JSON lines."""
    return [json.loads(line) for line in ended.stdout.splitlines()]
