"""The run log: what a run, its repeated steps and its killed forerunners leave behind."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stocks.errors import QuotaSpent
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.runlog import Failure, RunLog

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


def test_sweep_of_one_command_leaves_the_others_alone(log: RunLog, warehouse: Warehouse) -> None:
    killed, other = RunLog(warehouse, uuid.uuid4()), RunLog(warehouse, uuid.uuid4())
    killed.begin("ingest", source="sample", series="daily_adjusted")
    other.begin("gold", source="sample", series="daily_adjusted")
    log.sweep("ingest")
    found = rows(warehouse, "select run_id, message from ops.run")
    assert set(found) == {(killed.run_id, "killed"), (other.run_id, None)}


class TestNote:
    def test_step_that_ends_is_written_with_what_it_said(self, log: RunLog, warehouse: Warehouse) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")
        with log.note("extract", batch="IBM") as note:
            note.detail["fetched"] = 1
            note.exit_code = 65
        assert rows(warehouse, "select step, batch, exit_code, detail from ops.step") == [
            ("extract", "IBM", 65, {"fetched": 1})
        ]

    @pytest.mark.parametrize(
        ("error", "code"), [(QuotaSpent("No requests left."), 69), (KeyboardInterrupt(), 130), (ValueError("odd"), 70)]
    )
    def test_step_that_breaks_off_says_why(
        self, error: BaseException, code: int, log: RunLog, warehouse: Warehouse
    ) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")

        def break_off() -> None:
            with log.note("plan") as note:
                note.detail["tickers"] = 3
                raise error

        with pytest.raises(type(error)):
            break_off()
        told = str(error) or type(error).__name__
        assert rows(warehouse, "select exit_code, detail from ops.step") == [(code, {"tickers": 3, "error": told})]


class TestSumUp:
    STEPS = ("plan", "extract", "normalize", "commit")
    FANNED = ("extract", "normalize")

    def write(self, log: RunLog, *left_out: tuple[str, str], **errors: dict[str, str]) -> None:
        """A run over two batches, some steps of which never said anything."""
        log.begin("ingest", source="sample", series="daily_adjusted")
        steps = [
            (step, batch) for step in self.STEPS for batch in (("IBM,FB", "ZZZ") if step in self.FANNED else ("",))
        ]
        for step, batch in steps:
            if (step, batch) in left_out:
                continue
            detail: dict[str, Any] = {"batches": ["IBM,FB", "ZZZ"]} if step == "plan" else {}
            own = {symbol: why for symbol, why in errors.get(step, {}).items() if symbol in batch.split(",")}
            log.step(step, batch=batch, started_at=START, exit_code=65 if own else 0, detail={**detail, "errors": own})

    def test_run_that_went_well_has_no_failures(self, log: RunLog) -> None:
        self.write(log)
        summary = log.sum_up(self.STEPS, self.FANNED)
        assert (summary.steps, summary.failures, summary.exit_code) == (6, [], 0)

    def test_failing_ticker_is_named_with_its_reason(self, log: RunLog) -> None:
        self.write(log, extract={"ZZZ": "unknown"})
        summary = log.sum_up(self.STEPS, self.FANNED)
        assert summary.failures == [Failure(step="extract", subject="ZZZ", message="unknown", exit_code=65)]
        assert summary.exit_code == 65
        assert summary.message == "6 steps ended; extract ZZZ: unknown"

    def test_killed_batch_is_missed(self, log: RunLog) -> None:
        self.write(log, ("normalize", "IBM,FB"))
        summary = log.sum_up(self.STEPS, self.FANNED)
        assert [(failure.step, failure.subject) for failure in summary.failures] == [("normalize", "IBM,FB")]
        assert summary.exit_code == 75

    def test_killed_commit_is_missed(self, log: RunLog) -> None:
        self.write(log, ("commit", ""))
        assert [failure.step for failure in log.sum_up(self.STEPS, self.FANNED).failures] == ["commit"]

    def test_nothing_is_missed_behind_a_plan_that_failed(self, log: RunLog) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")
        log.step("plan", started_at=START, exit_code=78, detail={"error": "no key"})
        summary = log.sum_up(self.STEPS, self.FANNED)
        assert [(failure.step, failure.message) for failure in summary.failures] == [("plan", "no key")]
        assert summary.exit_code == 78

    def test_nothing_is_missed_behind_a_plan_that_never_ran(self, log: RunLog) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")
        assert [failure.step for failure in log.sum_up(self.STEPS, self.FANNED).failures] == ["plan"]

    def test_run_without_tickers_goes_well(self, log: RunLog) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")
        log.step("plan", started_at=START, exit_code=0, detail={"batches": []})
        log.step("commit", started_at=START, exit_code=0)
        assert log.sum_up(self.STEPS, self.FANNED).exit_code == 0

    def test_message_names_the_first_failures_and_counts_the_rest(self, log: RunLog) -> None:
        log.begin("ingest", source="sample", series="daily_adjusted")
        log.step("plan", started_at=START, exit_code=0, detail={"batches": [f"S{n}" for n in range(30)]})
        summary = log.sum_up(self.STEPS, self.FANNED)
        assert len(summary.failures) == 61
        assert summary.message.startswith("1 step ended; extract S0: it never said")
        assert summary.message.endswith("; and 51 more")


def test_old_logs_go_but_not_those_of_the_gold_that_is_read(log: RunLog, warehouse: Warehouse) -> None:
    ids = {name: uuid.uuid4() for name in ("old", "built", "published", "newest", "fresh")}
    with warehouse.connect(Role.WRITER) as connection:
        for name, run_id in ids.items():
            days = 0 if name == "fresh" else 401
            connection.execute(
                "insert into ops.run (run_id, command, started_at) values (%s, %s, now() - %s * interval '1 day')",
                [run_id, name, days],
            )
            connection.execute(
                "insert into ops.step (run_id, step, started_at, exit_code) values (%s, 'gold', now(), 0)", [run_id]
            )
            if name in ("built", "published", "newest"):
                connection.execute(
                    """
                    with build as (
                        insert into ops.gold_build
                            (run_id, started_at, published_at, load_id, fingerprint, full_refresh)
                        values (%s, now() - interval '401 days', %s, 1, '', false) returning build_id
                    )
                    insert into ops.data_quality (build_id, rule, model, severity, status, failures, checked_at)
                    select build_id, 'r', 'm', 'error', 'pass', 0, now() from build
                    """,
                    [run_id, START if name != "newest" else None],
                )
        connection.execute(
            """
            insert into ops.api_budget (budget_key, day, used, next_slot_at)
            select 'k', current_date - days, 1, now() from unnest('{0, 400, 401}'::integer[]) as days
            """
        )
        connection.execute(
            "insert into ops.api_symbol (budget_key, month, symbol) values"
            " ('k', '2020-01-01', 'IBM'), ('k', current_date, 'IBM')"
        )
    for _ in range(2):
        log.prune(400)
        assert rows(warehouse, "select command from ops.run order by 1") == [("fresh",), ("newest",), ("published",)]
        assert rows(warehouse, "select count(*) from ops.step") == [(3,)]
        assert rows(warehouse, "select count(*) from ops.data_quality") == [(2,)]
        assert rows(warehouse, "select current_date - day from ops.api_budget order by 1") == [(0,), (400,)]
        assert rows(warehouse, "select count(*) from ops.api_symbol") == [(1,)]
