"""The list of steps holds together with the functions that do them and the commands that start them."""

import inspect
from itertools import pairwise

import pytest
import typer

from stocks import pipeline
from stocks.cli.app import app
from stocks.errors import RETRIED_EXIT_CODES, ProviderUnavailable, QuotaSpent
from stocks.steps import STEPS, Retry, Step

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_order_of_the_steps() -> None:
    assert [step.name for step in STEPS] == ["plan", "extract", "normalize", "commit", "gold"]


def test_each_step_comes_after_the_one_before_it() -> None:
    assert STEPS[0].after == ()
    for earlier, later in pairwise(STEPS):
        assert later.after == (earlier.name,)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_is_a_function_of_the_pipeline(step: Step) -> None:
    function = getattr(pipeline, step.name)
    assert inspect.isfunction(function)
    assert function.__module__ == "stocks.pipeline"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_is_a_command_with_help(step: Step) -> None:
    assert step.name in COMMANDS
    assert COMMANDS[step.name].help
    assert step.summary.endswith(".")


def test_steps_of_a_batch_take_tickers_on_the_command_line_and_in_the_function() -> None:
    for step in STEPS:
        if step.fan_out:
            assert "tickers" in inspect.signature(getattr(pipeline, step.name)).parameters
            options = {option.name for option in COMMANDS[step.name].params}
            assert "tickers" in options


def test_only_extract_asks_the_provider() -> None:
    assert [step.name for step in STEPS if step.needs_provider] == ["extract"]


def test_only_gold_waits_for_changes() -> None:
    assert [step.name for step in STEPS if step.only_if_changed] == ["gold"]


def test_passing_faults_are_retried_and_a_spent_quota_is_not() -> None:
    assert {step.retry for step in STEPS} == {Retry.PASSING_FAULTS}
    assert ProviderUnavailable.exit_code in RETRIED_EXIT_CODES
    assert QuotaSpent.exit_code not in RETRIED_EXIT_CODES
