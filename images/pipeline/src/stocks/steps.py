"""The steps of the pipeline, as data: what `stocks run` calls in one process and what Argo runs in containers.

plan ─▶ for each batch of tickers: extract ─▶ normalize ─▶ commit ─▶ gold, when commit says that bars changed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stocks.errors import TransientError


class Retry(StrEnum):
    """Whether a step that failed may be run again."""

    PASSING_FAULTS = "passing-faults"
    """On the exit code of transient errors, with back-off."""
    NEVER = "never"


RETRIED_EXIT_CODES = (TransientError.exit_code,)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; its name is the sub-command of `stocks` and the function in `stocks.pipeline`."""

    name: str
    summary: str
    after: tuple[str, ...] = ()
    fan_out: bool = False
    """Runs once for each batch of tickers that plan made."""
    needs_provider: bool = False
    """Sends requests that count against the provider's limits."""
    only_if_changed: bool = False
    """Runs only where commit said that bars changed."""
    retry: Retry = Retry.PASSING_FAULTS


STEPS = (
    Step(name="plan", summary="Lists the tickers to fetch, in batches."),
    Step(
        name="extract",
        summary="Fetches answers from the provider into bronze.",
        after=("plan",),
        fan_out=True,
        needs_provider=True,
    ),
    Step(name="normalize", summary="Loads bronze objects into silver.", after=("extract",), fan_out=True),
    Step(name="commit", summary="Says how many bars changed since gold was built.", after=("normalize",)),
    Step(
        name="gold",
        summary="Builds and tests the star schema with dbt, and publishes it.",
        after=("commit",),
        only_if_changed=True,
    ),
)
