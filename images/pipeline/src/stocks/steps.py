"""The steps of the pipeline, as data: what `stocks run` calls in one process and what Argo runs in containers.

plan ─▶ for each batch of tickers: extract ─▶ normalize ─▶ commit ─▶ gold, when commit says that it is due
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Retry(StrEnum):
    """Whether a step that failed may be run again."""

    PASSING_FAULTS = "passing-faults"
    """On the exit code of transient errors, with back-off."""
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; its name is the sub-command of `stocks` and the function in `stocks.pipeline`."""

    name: str
    summary: str
    after: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """The options of the sub-command that a workflow sets from its parameters, without the dashes."""
    writes: str | None = None
    """What the sub-command writes to the file that `--to` names: an output of the step."""
    fan_out: bool = False
    """Runs once for each batch of tickers that plan made."""
    needs_provider: bool = False
    """Sends requests that count against the provider's limits."""
    only_if_changed: bool = False
    """Runs only where commit said that it is due."""
    retry: Retry = Retry.PASSING_FAULTS


STEPS = (
    Step(
        name="plan",
        summary="Lists the tickers to fetch, in batches.",
        options=("tickers", "batch-size"),
        writes="batches",
    ),
    Step(
        name="extract",
        summary="Fetches answers from the provider into bronze.",
        after=("plan",),
        options=("tickers", "series"),
        fan_out=True,
        needs_provider=True,
    ),
    Step(
        name="normalize",
        summary="Loads bronze objects into silver.",
        after=("extract",),
        options=("tickers",),
        fan_out=True,
    ),
    Step(
        name="commit",
        summary="Says how many bars changed since gold was built, and whether it is due.",
        after=("normalize",),
        writes="changes",
    ),
    Step(
        name="gold",
        summary="Builds and tests the star schema with dbt, and publishes it.",
        after=("commit",),
        only_if_changed=True,
    ),
)

REPLAY = Step(
    name="replay",
    summary="Builds silver again from bronze, with no request to the provider.",
    options=("tickers", "as-of"),
)
"""Stands in for plan to commit where nothing is fetched; gold comes after it."""

REPORT = Step(name="report", summary="Sums up a workflow's steps, says what failed and why, and ends its run.")
"""What a workflow ends with, however its steps ended."""
