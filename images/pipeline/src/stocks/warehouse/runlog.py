"""The run log: which commands ran, what each step did, how they ended."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from stocks.warehouse.connection import Role, Warehouse


class RunLog:
    """Writes to ops.run and ops.step.

    Args:
        warehouse: Holds both.
        run_id: The run; steps of one workflow that run in many containers share it.
    """

    def __init__(self, warehouse: Warehouse, run_id: uuid.UUID) -> None:
        self._warehouse = warehouse
        self.run_id = run_id

    def begin(self, command: str, *, source: str, series: str) -> None:
        """Notes that the run has begun; a second call changes nothing."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                """
                insert into ops.run (run_id, command, source, series) values (%s, %s, %s, %s)
                on conflict do nothing
                """,
                [self.run_id, command, source, series],
            )

    def sweep(self) -> None:
        """Marks runs that never ended. Call it only while no other run can be at work."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                "update ops.run set finished_at = now(), message = 'killed' where finished_at is null and run_id <> %s",
                [self.run_id],
            )

    def step(
        self,
        name: str,
        *,
        started_at: datetime,
        exit_code: int,
        batch: str = "",
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Notes that a step has ended; a repeated step overwrites what its earlier try said."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                """
                insert into ops.step (run_id, step, batch, started_at, exit_code, detail)
                values (%s, %s, %s, %s, %s, %s)
                on conflict (run_id, step, batch) do update set
                    started_at = excluded.started_at, finished_at = now(),
                    exit_code = excluded.exit_code, detail = excluded.detail
                """,
                [self.run_id, name, batch, started_at, exit_code, Jsonb(detail or {})],
            )

    def end(self, exit_code: int, message: str) -> None:
        """Notes that the run has ended."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                "update ops.run set finished_at = now(), exit_code = %s, message = %s where run_id = %s",
                [exit_code, message, self.run_id],
            )
