"""The run log: what a run, its repeated steps and its killed forerunners leave behind."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stocks.warehouse import Role, Warehouse
from stocks.warehouse.runlog import RunLog

START = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


@pytest.fixture
def log(warehouse: Warehouse) -> RunLog:
    return RunLog(warehouse, uuid.uuid4())


def rows(warehouse: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(Role.READER) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_run_that_is_at_work_has_no_end(log: RunLog, warehouse: Warehouse) -> None:
    log.begin("run", source="sample", series="daily_adjusted")
    assert rows(warehouse, "select run_id, command, source, series, finished_at, exit_code, message from ops.run") == [
        (log.run_id, "run", "sample", "daily_adjusted", None, None, None)
    ]


def test_steps_of_one_run_may_each_begin_it(log: RunLog, warehouse: Warehouse) -> None:
    log.begin("run", source="sample", series="daily_adjusted")
    before = rows(warehouse, "select * from ops.run")
    RunLog(warehouse, log.run_id).begin("normalize", source="alphavantage", series="weekly_adjusted")
    assert rows(warehouse, "select * from ops.run") == before


def test_end_is_noted_for_this_run_alone(log: RunLog, warehouse: Warehouse) -> None:
    other = RunLog(warehouse, uuid.uuid4())
    for each in (log, other):
        each.begin("run", source="sample", series="daily_adjusted")
    log.end(65, "IBM: unknown")
    found = rows(warehouse, "select run_id, exit_code, message, finished_at >= started_at from ops.run")
    assert set(found) == {(log.run_id, 65, "IBM: unknown", True), (other.run_id, None, None, None)}


def test_step_keeps_its_times_code_and_detail(log: RunLog, warehouse: Warehouse) -> None:
    log.begin("run", source="sample", series="daily_adjusted")
    log.step("extract", started_at=START, exit_code=75, detail={"errors": {"IBM": "down"}})
    assert rows(
        warehouse, "select step, batch, started_at, exit_code, detail, finished_at > started_at from ops.step"
    ) == [("extract", "", START, 75, {"errors": {"IBM": "down"}}, True)]


def test_repeated_step_overwrites_its_earlier_try(log: RunLog, warehouse: Warehouse) -> None:
    log.begin("run", source="sample", series="daily_adjusted")
    log.step("extract", started_at=START, exit_code=75, detail={"errors": {"IBM": "down"}})
    log.step("extract", started_at=START + timedelta(minutes=1), exit_code=0)
    assert rows(warehouse, "select started_at, exit_code, detail from ops.step") == [
        (START + timedelta(minutes=1), 0, {})
    ]


def test_batches_of_a_step_are_apart(log: RunLog, warehouse: Warehouse) -> None:
    log.begin("run", source="sample", series="daily_adjusted")
    for batch in ("AAPL", "IBM"):
        log.step("extract", started_at=START, exit_code=0, batch=batch)
    assert rows(warehouse, "select batch from ops.step order by 1") == [("AAPL",), ("IBM",)]


def test_step_of_a_run_that_never_began_is_refused(log: RunLog) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        log.step("extract", started_at=START, exit_code=0)


def test_sweep_marks_killed_runs_and_no_others(log: RunLog, warehouse: Warehouse) -> None:
    killed, ended = RunLog(warehouse, uuid.uuid4()), RunLog(warehouse, uuid.uuid4())
    for each in (killed, ended, log):
        each.begin("run", source="sample", series="daily_adjusted")
    ended.end(0, "fine")
    log.sweep()
    found = rows(warehouse, "select run_id, exit_code, message, finished_at is not null from ops.run")
    assert set(found) == {
        (killed.run_id, None, "killed", True),
        (ended.run_id, 0, "fine", True),
        (log.run_id, None, None, False),
    }
