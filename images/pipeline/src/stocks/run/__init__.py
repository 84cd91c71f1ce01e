"""Runs steps: opens what each needs, writes down how it ended, and gives the code; on a laptop and in pods alike."""

from stocks.run.execute import execute
from stocks.run.flow import OpenWarehouse, Run, open_run, run_steps

__all__ = ["OpenWarehouse", "Run", "execute", "open_run", "run_steps"]
