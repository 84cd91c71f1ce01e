"""The run log: which commands ran, what each step did, how they ended."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from stocks.errors import OK, StocksError, TransientError, code_of, sum_of_codes
from stocks.warehouse.connection import Role, Warehouse

_OLD_BUILD: LiteralString = """
    builds.started_at < now() - %(days)s * interval '1 day'
    and builds.build_id <> (select max(build_id) from ops.gold_build)
    and builds.build_id is distinct from (select max(build_id) from ops.gold_build where published_at is not null)
"""
_OLD_RUN: LiteralString = """
    runs.started_at < now() - %(days)s * interval '1 day'
    and not exists (select from ops.gold_build where run_id = runs.run_id)
"""
_PRUNE: tuple[LiteralString, ...] = (
    f"delete from ops.data_quality as found using ops.gold_build as builds where builds.build_id = found.build_id and {_OLD_BUILD}",  # noqa: S608, E501
    f"delete from ops.gold_build as builds where {_OLD_BUILD}",  # noqa: S608
    f"delete from ops.step using ops.run as runs where step.run_id = runs.run_id and {_OLD_RUN}",  # noqa: S608
    f"delete from ops.run as runs where {_OLD_RUN}",  # noqa: S608
    "delete from ops.api_budget where day < current_date - %(days)s::integer",
    "delete from ops.api_symbol where month < current_date - %(days)s::integer",
)
_SHOWN = 10  # failures in a run's message; all of them are in ops.step


@dataclass(kw_only=True)
class StepNote:
    """What a step says of itself while it works."""

    exit_code: int = OK
    detail: dict[str, Any] = field(default_factory=dict)
    """`errors` is a map from what failed (a ticker) to why; `error` is what ended the whole step."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that failed in a run."""

    step: str
    subject: str
    """The ticker; the batch where all of it failed; empty where the step has none."""
    message: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """How the steps of a run ended."""

    steps: int
    """Steps that ended, each batch of a fan-out counted."""
    failures: list[Failure] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The code that sums up the failures."""
        return sum_of_codes(failure.exit_code for failure in self.failures)

    @property
    def message(self) -> str:
        """The run in one line."""
        shown = self.failures[:_SHOWN]
        told = [f"{failure.step} {failure.subject}".rstrip() + f": {failure.message}" for failure in shown]
        if more := len(self.failures) - len(shown):
            told.append(f"and {more} more")
        return "; ".join([f"{self.steps} step{'' if self.steps == 1 else 's'} ended", *told])


class RunLog:
    """Writes to ops.run and ops.step.

    Args:
        warehouse: Holds both.
        run_id: The run; steps of one workflow that run in many containers share it.
    """

    def __init__(self, warehouse: Warehouse, run_id: uuid.UUID) -> None:
        self._warehouse = warehouse
        self.run_id = run_id

    def begin(self, command: str, *, source: str, series: str) -> bool:
        """Notes that the run has begun; a second call changes nothing, and gives False."""
        with self._warehouse.connect(Role.WRITER) as connection:
            noted = connection.execute(
                """
                insert into ops.run (run_id, command, source, series) values (%s, %s, %s, %s)
                on conflict do nothing
                """,
                [self.run_id, command, source, series],
            )
            return noted.rowcount == 1

    def prune(self, days: int) -> None:
        """Deletes logs that are older: runs, steps, builds with what their tests found, requests that were counted.

        The newest build and the newest that was published stay, however old; so do their runs.
        """
        with self._warehouse.connect(Role.WRITER) as connection, connection.transaction():
            for statement in _PRUNE:
                connection.execute(statement, {"days": days})

    def sweep(self, command: str | None = None) -> None:
        """Marks runs that never ended. Call it only while no other run (of that command) can be at work."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                """
                update ops.run set finished_at = now(), message = 'killed'
                where finished_at is null and run_id <> %s and (%s::text is null or command = %s)
                """,
                [self.run_id, command, command],
            )

    @contextlib.contextmanager
    def note(self, name: str, *, batch: str = "") -> Iterator[StepNote]:
        """Writes a step down when the block ends, in whatever way it ends.

        Args:
            name: The step.
            batch: Which part of a fan-out it is.

        Raises:
            WarehouseUnavailable: The step went well, and can't be written down.
        """
        started_at, note = datetime.now(UTC), StepNote()
        try:
            yield note
        except BaseException as error:
            detail = {**note.detail, "error": str(error).strip() or type(error).__name__}
            with contextlib.suppress(StocksError):
                self.step(name, started_at=started_at, exit_code=code_of(error), batch=batch, detail=detail)
            raise
        self.step(name, started_at=started_at, exit_code=note.exit_code, batch=batch, detail=note.detail)

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

    def sum_up(self, expected: Sequence[str], fanned_out: Sequence[str]) -> RunSummary:
        """What became of the run's steps.

        A step that was killed writes nothing: that it is missing is known from the list of what there should be.

        Args:
            expected: The steps that the run should have had, in order. One that stands behind a step that failed as a
                whole is not missed: it was never started.
            fanned_out: Those among them that ran once for each of the batches that the first one planned.
        """
        with self._warehouse.connect(Role.READER) as connection:
            rows = connection.execute(
                "select step, batch, exit_code, detail from ops.step where run_id = %s", [self.run_id]
            ).fetchall()
        ended = {(step, batch): (code, detail) for step, batch, code, detail in rows}
        batches: list[str] = next((detail["batches"] for _, detail in ended.values() if "batches" in detail), [])
        failures: list[Failure] = []
        for step in expected:
            stopped = False
            for batch in batches if step in fanned_out else [""]:
                if (step, batch) not in ended:
                    stopped = step not in fanned_out
                    message = "it never said how it ended: killed, out of memory, or its image is missing"
                    failures.append(
                        Failure(step=step, subject=batch, message=message, exit_code=TransientError.exit_code)
                    )
                    continue
                code, detail = ended[step, batch]
                whole = {batch: detail["error"]} if "error" in detail else {}
                stopped = bool(whole) and step not in fanned_out
                failures += [
                    Failure(step=step, subject=subject, message=message, exit_code=code)
                    for subject, message in (detail.get("errors", {}) | whole).items()
                ]
            if stopped:
                break
        return RunSummary(steps=len(ended), failures=failures)
