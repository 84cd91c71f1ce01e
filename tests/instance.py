"""A state folder, and the command line over it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        """Runs a package's command to its end."""
        return subprocess.run(
            [sys.executable, "-m", program, *arguments],
            env={**self.environment, **variables},
            cwd=self.state.parent,  # no .env there
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def stop_when(
        self, reached: Callable[[Event], bool], *arguments: str, by: signal.Signals = signal.SIGKILL, **variables: str
    ) -> int:
        """Runs `stocks --json` and sends it a signal as soon as it says something; gives its exit code."""
        with subprocess.Popen(
            [sys.executable, "-m", "stocks", *arguments, "--json"],
            env={**self.environment, **variables},
            cwd=self.state.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if reached(json.loads(line)):
                    process.send_signal(by)
                    break
            else:
                raise AssertionError("The run ended before it got there.")
            with contextlib.suppress(ValueError):
                process.stdout.read()
            return process.wait(timeout=60)

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
