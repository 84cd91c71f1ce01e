"""Steps in a row: the one that fans out behind another takes what this has done while it does the rest."""

import threading
from pathlib import Path
from typing import Annotated, Any

import pytest

from stocks.errors import DataError
from stocks.outcome import Outcome
from stocks.report import Report
from stocks.run import Run, run_steps
from stocks.settings import Settings
from stocks.steps import Flow, Means, Needs, Step

Symbols = Annotated[str, "Symbols."]
ALONE = Needs(login=None)


def plan(means: Means) -> Outcome:
    return Outcome(tickers=["ONE", "TWO"])


def ran(*steps: Step, tmp_path: Path) -> Run:
    settings = Settings(_env_file=None, stocks_state_dir=tmp_path)
    flow = Flow(name="test", steps=steps)
    return run_steps(flow, {}, settings=settings, report=Report(), warehouse=None, log=None)


def steps(fetch: Any, load: Any) -> tuple[Step, ...]:
    return (
        Step(name="plan", work=plan, needs=ALONE),
        Step(name="fetch", work=fetch, needs=ALONE, after=("plan",), fan_out=True),
        Step(name="load", work=load, needs=ALONE, after=("fetch",), fan_out=True),
    )


def test_a_ticker_is_loaded_while_others_are_fetched(tmp_path: Path) -> None:
    first_is_loaded = threading.Event()

    def fetch(means: Means, *, tickers: Symbols = "") -> Outcome:
        assert means.handover
        assert tickers == "ONE,TWO"
        means.handover.put("ONE")
        assert first_is_loaded.wait(timeout=20)
        means.handover.put("TWO")
        return Outcome(written=2)

    def load(means: Means, *, tickers: Symbols = "") -> Outcome:
        assert means.handover
        done = {}
        for batch in means.handover.batches(10):
            done |= dict.fromkeys(batch, "loaded")
            first_is_loaded.set()
        return Outcome(done=done)

    run = ran(*steps(fetch, load), tmp_path=tmp_path)
    assert run.outcomes["load"].done == {"ONE": "loaded", "TWO": "loaded"}
    assert (run.exit_code, run.fetched, list(run.seconds)) == (0, 2, ["plan", "fetch", "load"])


def test_what_was_fetched_is_loaded_though_fetching_fails_as_a_whole(tmp_path: Path) -> None:
    def fetch(means: Means, *, tickers: Symbols = "") -> Outcome:
        assert means.handover
        means.handover.put("ONE")
        raise DataError("no more")

    def load(means: Means, *, tickers: Symbols = "") -> Outcome:
        assert means.handover
        return Outcome(done={symbol: "loaded" for batch in means.handover.batches(10) for symbol in batch})

    run = ran(*steps(fetch, load), tmp_path=tmp_path)
    assert run.outcomes["load"].done == {"ONE": "loaded"}
    assert run.failed["fetch"].message == "no more"


def test_a_crash_behind_is_not_swallowed(tmp_path: Path) -> None:
    def fetch(means: Means, *, tickers: Symbols = "") -> Outcome:
        return Outcome()

    def load(means: Means, *, tickers: Symbols = "") -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ran(*steps(fetch, load), tmp_path=tmp_path)
