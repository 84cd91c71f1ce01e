"""Tells how a build goes."""

from __future__ import annotations

import threading

from argodbt.dbt import NodeEnd
from stocks.report import Report


class NodeProgress:
    """Turns what dbt's threads tell of their nodes into a stage that begins once and moves forward only.

    Args:
        report: Told of the stage `gold`.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._done = 0

    def __call__(self, end: NodeEnd) -> None:
        """A node has ended."""
        with self._lock:
            if self._done == 0:
                self._report.begin("gold", end.total)
            self._done += 1
            self._report.advance("gold", self._done, end.name)
