"""The list of steps: its order, what each asks for and needs, and the commands that are made from it."""

import inspect
from itertools import pairwise

import pytest
import typer

from stocks.cli.app import app
from stocks.errors import RETRIED_EXIT_CODES, ConfigError, ProviderUnavailable, QuotaSpent
from stocks.steps import (
    AUTO,
    PLAN_REPLAY,
    REBUILD,
    REPLAY,
    REPORT,
    RUN,
    STEPS,
    Flow,
    Login,
    Nodes,
    Step,
    moment,
    tickers_a_batch,
)

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ALL = (*STEPS, PLAN_REPLAY, REPLAY, REPORT)


def options(command: str) -> set[str]:
    return {option.name for option in COMMANDS[command].params}


def test_order_of_the_steps() -> None:
    assert [step.name for step in STEPS] == ["plan", "extract", "normalize", "commit", "gold"]


def test_each_step_comes_after_the_one_before_it() -> None:
    assert STEPS[0].after == ()
    for earlier, later in pairwise(STEPS):
        assert later.after == (earlier.name,)


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
def test_step_is_a_command_with_help_and_all_its_options(step: Step) -> None:
    assert COMMANDS[step.name].help
    assert {option.name for option in step.options} | {"run_id", "output"} <= options(step.name)
    assert all(option.help.endswith(".") for option in step.options)


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
def test_what_a_workflow_sets_is_an_option(step: Step) -> None:
    taken = {flag for option in COMMANDS[step.name].params for flag in option.opts}
    assert {f"--{parameter}" for parameter in step.parameters} | set(step.flags) <= taken


@pytest.mark.parametrize("flow", [RUN, REBUILD], ids=lambda flow: flow.name)
def test_flow_is_a_command_with_the_options_that_a_person_may_set(flow: Flow) -> None:
    settable = {name for step in flow.steps for name in flow.options_of(step)}
    assert settable <= options(flow.name)
    given = {name for values in flow.given.values() for name in values}
    assert not given & options(flow.name)
    assert given <= {option.name for step in flow.steps for option in step.options}


def test_steps_of_a_batch_take_tickers() -> None:
    for step in ALL:
        if step.fan_out:
            assert "tickers" in inspect.signature(step.work).parameters


def test_a_step_is_given_no_more_than_it_needs() -> None:
    assert [step.name for step in ALL if step.needs.provider] == ["extract"]
    assert [step.name for step in ALL if step.needs.cluster] == ["commit"]
    assert [step.name for step in ALL if step.needs.store] == [*("extract", "normalize", "plan-replay", "replay")]
    assert [step.name for step in ALL if step.needs.login is Login.OWNER] == ["gold"]


def test_passing_faults_are_retried_and_a_spent_quota_is_not() -> None:
    assert ProviderUnavailable.exit_code in RETRIED_EXIT_CODES
    assert QuotaSpent.exit_code not in RETRIED_EXIT_CODES


def test_moment_of_a_day_is_its_end() -> None:
    found = moment("2005-02-25")
    assert found is not None
    assert found.isoformat() == "2005-02-25T23:59:59.999999+00:00"
    assert moment("") is None
    with pytest.raises(ConfigError, match="no moment"):
        moment("2005-02-30")


@pytest.mark.parametrize(("nodes", "most"), [(Nodes.POD, 20), (Nodes.WARM, 200)])
def test_a_ticker_a_batch_while_they_are_few_and_never_more_batches_than_a_workflow_bears(
    nodes: Nodes, most: int
) -> None:
    for tickers in (0, 1, 5, most, most + 1, 1_000, 5_000, 30_000):
        size = tickers_a_batch(AUTO, nodes, tickers)
        assert size >= 1
        assert -(-tickers // size) <= most
        assert size == 1 or tickers > most


def test_size_of_a_batch_may_be_said_and_nonsense_is_refused() -> None:
    assert tickers_a_batch("7", Nodes.POD, 5_000) == 7
    assert tickers_a_batch("0", Nodes.POD, 5_000) == 5_000
    assert tickers_a_batch("0", Nodes.POD, 0) == 1
    for wrong in ("", "-1", "many", "1.5"):
        with pytest.raises(ConfigError, match="batch-size"):
            tickers_a_batch(wrong, Nodes.POD, 5)
