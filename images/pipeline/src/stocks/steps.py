"""The steps of the pipeline, each once: what it is called, asks for and needs, and the function that does it.

plan ─▶ for each batch of tickers: extract ─▶ normalize ─▶ commit ─▶ gold, where it is due
plan-replay ─▶ for each batch of tickers: replay ─▶ gold

`stocks run` calls the functions in this order in one process; the sub-commands are made from them, an option for each
keyword argument; a workflow runs these sub-commands as containers, with the secrets and rights that `needs` names.
The functions import what they work with when they are called: a pod starts with no more than it needs.
"""

from __future__ import annotations

import inspect
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from stocks.errors import ConfigError, settled
from stocks.outcome import Outcome
from stocks.report import Report
from stocks.settings import Settings
from stocks.universe import parse_symbols

if TYPE_CHECKING:
    from stocks.bronze import Bronze
    from stocks.bronze.side_by_side import Handover
    from stocks.providers import Source
    from stocks.warehouse import Warehouse


class Login(StrEnum):
    """The warehouse's logins; each may do what the ones below may."""

    OWNER = "owner"
    WRITER = "writer"
    READER = "reader"


class Nodes(StrEnum):
    """What a workflow runs a step of a batch in."""

    POD = "pod"
    WARM = "warm"
    """A node without a pod of its own: a worker runs it (`stocks worker`)."""


AUTO = "auto"
_MOST_BATCHES = {Nodes.POD: 20, Nodes.WARM: 200}
"""A pod costs ten seconds of two processors, whatever it does. A node costs next to nothing, but the work of Argo grows
with the square of their number, and its status is kept in one object of 1 MiB: docs/cluster.md has the figures."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a step is given, in one process as in a pod, and nothing else."""

    login: Login | None = Login.WRITER
    """To the warehouse; None: it is opened for the run log alone."""
    store: bool = False
    """Bronze."""
    provider: bool = False
    """Sends requests with the API keys; they count against the providers' limits."""
    cluster: bool = False
    """May start a workflow."""
    memory: str = "128Mi"
    """A pod asks for it; its limit is four times that."""
    minutes: int = 5
    """A try that takes longer has hung."""


@dataclass(kw_only=True)
class Means:
    """What `needs` named, opened; the rest is not there."""

    settings: Settings
    report: Report
    run_id: uuid.UUID | None
    """The run in ops.run; None where the step belongs to none."""
    warehouse: Warehouse = field(init=False)
    bronze: Bronze = field(init=False)
    sources: Sequence[Source] = field(init=False)
    handover: Handover[str] | None = None
    """Of tickers, from the step to the one behind it, where both are at work at the same time."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """A keyword argument of a step's function, and an option of its sub-command."""

    name: str
    type: Any
    default: Any
    help: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; its name is the sub-command of `stocks`, the function's docstring its help."""

    name: str
    work: Callable[..., Outcome]
    """Takes the Means, and its options by keyword; the text in an option's annotation is its help."""
    needs: Needs = Needs()
    after: tuple[str, ...] = ()
    overrides: tuple[Option, ...] = ()
    """Options that go before the setting of their name."""
    parameters: tuple[str, ...] = ()
    """The options that a workflow sets from its own parameters."""
    flags: tuple[str, ...] = ()
    """What else a workflow asks of it."""
    writes: str = ""
    """The output of the workflow's step: `result`, which `--to` puts into a file."""
    fan_out: bool = False
    """Runs once for each batch of tickers that plan made."""
    retries: int = 4
    """Further tries after a passing fault, or where its container was taken away; with back-off."""
    run: str = "ingest"
    """What ops.run calls the workflow's run that it belongs to."""
    is_logged: bool = True
    """Whether it is a step of its run; a report only looks at those."""
    is_run: bool = False
    """Alone, too, it is a run in the run log: no other works on the warehouse meanwhile."""

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """The function's keyword arguments."""
        hints = get_type_hints(self.work, include_extras=True)
        return tuple(
            Option(
                name=name,
                type=hints[name].__origin__,
                default=parameter.default,
                help=hints[name].__metadata__[0],
            )
            for name, parameter in inspect.signature(self.work).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Steps in a row, in one process; a workflow does the same with containers."""

    name: str
    """In the run log."""
    summary: str = ""
    steps: tuple[Step, ...]
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The options that are not a person's to set, by the step's name."""

    def options_of(self, step: Step) -> dict[str, Option]:
        """Those of a step's options that a person may set."""
        given = self.given.get(step.name, {})
        return {option.name: option for option in step.options if option.name not in given}


Tickers = Annotated[str, "Symbols, separated by commas (default: the universe)."]
Held = Annotated[str, "Symbols, separated by commas (default: all that bronze holds)."]
Force = Annotated[bool, "Fetch even where no session has ended since the latest answer."]
Overview = Annotated[bool, "Fetch company attributes too: a second request a ticker."]
AsOf = Annotated[str, "What was known at that moment: a day (its end, UTC) or an ISO date and time."]


def plan(
    means: Means,
    *,
    tickers: Tickers = "",
    batch_size: Annotated[
        str, "Tickers in a batch; 0: all in one; auto: as few as make no more batches than a workflow bears."
    ] = AUTO,
    nodes: Annotated[Nodes, "What a batch runs in: a workflow bears more nodes that are warm than pods."] = Nodes.POD,
) -> Outcome:
    """List the tickers to fetch, as a JSON list of batches (each a list separated by commas)."""
    from stocks.bronze.extract import plan
    from stocks.providers import Unlimited, open_sources
    from stocks.warehouse.listings import universe

    with open_sources(means.settings, lambda _: Unlimited(), with_keys=False) as sources:
        chosen = plan(sources, parse_symbols(tickers), partial(universe, means.warehouse))
    return _planned(chosen, tickers_a_batch(batch_size, nodes, len(chosen)))


def plan_replay(
    means: Means,
    *,
    tickers: Held = "",
    batch_size: Annotated[str, "Tickers in a batch; 0: all in one; auto: as few as make 20 batches at most."] = AUTO,
) -> Outcome:
    """List the tickers to replay, as a JSON list of batches (each a list separated by commas)."""
    chosen = parse_symbols(tickers) or means.bronze.symbols()
    return _planned(chosen, tickers_a_batch(batch_size, Nodes.POD, len(chosen)))


def _planned(chosen: list[str], size: int) -> Outcome:
    """Tickers in batches, for the steps that fan out."""
    from stocks.bronze.extract import batches

    lists = [",".join(batch) for batch in batches(chosen, size)]
    return Outcome(detail={"tickers": len(chosen), "batches": lists}, result=lists, tickers=chosen)


def tickers_a_batch(asked: str, nodes: Nodes, tickers: int) -> int:
    """How many tickers a batch has, at least one.

    Args:
        asked: A number, 0 for all in one, or `auto`.
        nodes: What a batch runs in.
        tickers: How many there are.

    Raises:
        ConfigError: It is neither.
    """
    if asked == AUTO:
        return max(math.ceil(tickers / _MOST_BATCHES[nodes]), 1)
    if not asked.isdecimal():
        raise ConfigError(f"--batch-size {asked!r} is no number of tickers.", hint=f"Write one, or {AUTO}.")
    return int(asked) or max(tickers, 1)


def extract(means: Means, *, tickers: Tickers = "", force: Force = False, overview: Overview = False) -> Outcome:
    """Fetch answers from the provider into bronze."""
    from stocks.bronze.extract import extract, plan
    from stocks.warehouse.listings import universe
    from stocks.warehouse.tails import open_tails

    chosen = plan(means.sources, parse_symbols(tickers), partial(universe, means.warehouse))
    with open_tails(means.warehouse, means.settings, chosen) as tails:
        return extract(
            means.sources,
            means.bronze,
            chosen,
            report=means.report,
            force=force,
            overview=overview,
            tails=tails,
            **({"fetched": means.handover.put} if means.handover else {}),
        )


def normalize(means: Means, *, tickers: Held = "") -> Outcome:
    """Load what bronze holds and silver has not seen yet."""
    from stocks.warehouse.normalize import normalize

    chosen = parse_symbols(tickers) or means.bronze.symbols()
    return normalize(
        means.bronze,
        means.warehouse,
        chosen,
        report=means.report,
        sources=means.settings.sources,
        handed=means.handover,
    )


def commit(
    means: Means,
    *,
    start_gold: Annotated[bool, "Where gold is due, start the workflow stocks-gold (needs --run-id)."] = False,
) -> Outcome:
    """Say how many bars of silver changed since gold was built, and whether it is due."""
    from stocks.warehouse.due import unseen

    told = asdict(unseen(means.warehouse))
    if start_gold and told["gold_due"]:
        from stocks.cluster import Cluster

        if means.run_id is None:
            raise ConfigError("--start-gold needs the run that asks for it.", hint="Add --run-id.")
        told["gold"] = Cluster.connect().start_gold(means.run_id)
    return Outcome(detail=told, result=told)


def gold(
    means: Means,
    *,
    full_refresh: Annotated[bool, "Build incremental models from nothing."] = False,
    if_changed: Annotated[bool, "Do nothing where gold is current."] = False,
) -> Outcome:
    """Build and test the star schema with dbt; publish it when every test of severity error has passed."""
    from stocks.gold import build_gold
    from stocks.gold.progress import NodeProgress
    from stocks.warehouse.due import is_gold_due

    if if_changed and not is_gold_due(means.warehouse):
        return Outcome()
    assert means.run_id is not None
    build = build_gold(
        means.warehouse,
        run_id=means.run_id,
        artifacts=means.settings.stocks_state_dir / "dbt",
        progress=NodeProgress(means.report),
        say=means.report.say,
        full_refresh=full_refresh,
    )
    rules = [rule for rule, _, _ in build.warnings]
    return Outcome(build=build, detail={"models": build.models, "tests": build.tests, "warnings": rules})


def replay(means: Means, *, as_of: AsOf = "", tickers: Held = "") -> Outcome:
    """Build silver again from bronze, with no request to the provider."""
    from stocks.warehouse.normalize import replay

    chosen = parse_symbols(tickers) or means.bronze.symbols()
    return replay(
        means.bronze,
        means.warehouse,
        chosen,
        as_of=moment(as_of),
        report=means.report,
        sources=means.settings.sources,
    )


def report(
    means: Means, *, steps: Annotated[str, "The steps that the run should have had, in order, with commas."]
) -> Outcome:
    """Sum up the steps of a workflow, say what failed and why, and end its run with the code that sums them up."""
    from stocks.warehouse.runlog import RunLog

    if means.run_id is None:
        raise ConfigError("A report is about a run.", hint="Add --run-id.")
    log = RunLog(means.warehouse, means.run_id)
    summary = log.sum_up(steps.split(","), [step.name for step in (*STEPS, REPLAY) if step.fan_out])
    log.end(summary.exit_code, summary.message)
    means.report.rows(
        "failure",
        ["step", "subject", "exit_code", "message"],
        [[failure.step, failure.subject, failure.exit_code, failure.message] for failure in summary.failures],
        title="What failed",
    )
    means.report.say(f"{summary.steps} steps ended, {len(summary.failures)} failures.")
    # The books are written: trying again, for a passing fault that another step met, would only write them again.
    return Outcome(code=settled(summary.exit_code))


SERIES = Option(name="series", type=str, default="", help="daily_adjusted or weekly_adjusted (default: STOCKS_SERIES).")

PLAN = Step(
    name="plan",
    work=plan,
    parameters=("tickers", "batch-size", "nodes"),
    writes="batches",
)
EXTRACT = Step(
    name="extract",
    work=extract,
    needs=Needs(store=True, provider=True, minutes=60),
    after=("plan",),
    overrides=(SERIES,),
    parameters=("tickers", "series"),
    fan_out=True,
)
NORMALIZE = Step(
    name="normalize",
    work=normalize,
    needs=Needs(store=True, memory="256Mi", minutes=60),
    after=("extract",),
    parameters=("tickers",),
    fan_out=True,
)
COMMIT = Step(
    name="commit",
    work=commit,
    needs=Needs(cluster=True),
    after=("normalize",),
    flags=("--start-gold",),
    writes="changes",
)
GOLD = Step(
    name="gold",
    work=gold,
    needs=Needs(login=Login.OWNER, memory="384Mi", minutes=30),
    after=("commit",),
    run="gold",
    is_run=True,
)
"""In a workflow it is a DAG of its own, which argodbt draws."""
PLAN_REPLAY = Step(
    name="plan-replay",
    work=plan_replay,
    needs=Needs(store=True),
    parameters=("tickers", "batch-size"),
    writes="batches",
    run="replay",
)
REPLAY = Step(
    name="replay",
    work=replay,
    needs=Needs(store=True, memory="256Mi", minutes=120),
    after=("plan-replay",),
    parameters=("tickers", "as-of"),
    flags=("--no-gold",),
    fan_out=True,
    run="replay",
    is_run=True,
)
"""Stands in for plan to commit where nothing is fetched; gold comes after it."""
REPORT = Step(name="report", work=report, is_logged=False)
"""What a workflow ends with, however its steps ended."""

STEPS = (PLAN, EXTRACT, NORMALIZE, COMMIT, GOLD)
"""What a day is made of, in order."""

RUN = Flow(
    name="run",
    summary="Fetch, load, build and test: all steps in one process. A second run finds nothing new and writes nothing.",
    steps=STEPS,
    given={
        "plan": {"batch_size": "0", "nodes": Nodes.POD},
        "commit": {"start_gold": False},
        "gold": {"if_changed": True, "full_refresh": False},
    },
)
REBUILD = Flow(
    name="replay",
    summary="Build silver and gold again from bronze, with no request to the provider.",
    steps=(REPLAY, GOLD),
    given={"gold": {"if_changed": False, "full_refresh": True}},
)


def moment(text: str) -> datetime | None:
    """A moment from a day (its end in UTC) or from a date and time (UTC where it names no zone); None from nothing.

    Raises:
        ConfigError: The text is neither.
    """
    if not text:
        return None
    try:
        if len(text) == len("2005-02-25"):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{text!r} is no moment.",
            hint="Write a day (2005-02-25) or a time (2005-02-25T18:00-05:00).",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
