"""The command `argodbt`: draws a dbt project's DAG, and runs it, over pods or in one process."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from argodbt import build as building
from argodbt.build import Outcome
from argodbt.dbt import Dbt, NodeEnd, parsed_manifest, preload
from argodbt.errors import ConfigError, Told
from argodbt.graph import Granularity, graph_of
from argodbt.hooks import Hooks, load_hooks
from argodbt.manifest import Manifest, read_manifest
from argodbt.results import NodeResult, failure, node_results, read_results
from argodbt.selection import Asked, Selection
from argodbt.tasks import run_task
from argodbt.worker import serve
from argodbt.worker.server import PORT, TOKEN


class Commands(TyperGroup):
    """The commands; an error that has an exit code ends with it."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command, and turns its errors into words and codes."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not isinstance(error, Told):
                raise
            sentence = f"error: {error.message}\n       {error.hint}".rstrip()
            _tell("error", sentence, message=error.message, hint=error.hint, exit_code=error.exit_code)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _tell("error", "Interrupted: the same command goes on from here.", message="interrupted", exit_code=130)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    name="argodbt",
    help="Any dbt project as a DAG of Argo Workflows.",
    epilog="dbt finds the project and its profile by DBT_PROJECT_DIR, DBT_PROFILES_DIR or the working directory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


OfManifest = Annotated[
    Path | None, typer.Option("--manifest", help="dbt's manifest.json (default: target/manifest.json of the project).")
]
OfGranularity = Annotated[Granularity, typer.Option("--granularity", help="How much of the project a task runs.")]
OfSelection = Annotated[Path, typer.Option("--selection", help="File that `prepare` writes.")]
Results = Annotated[Path, typer.Option(help="Folder to write run_results.json and dbt's log to.")]
Docs = Annotated[Path | None, typer.Option(help="Write dbt's documentation to this file.")]
Select = Annotated[str, typer.Option(help="As dbt's --select: orders+, state:modified+ (default: everything).")]
Exclude = Annotated[str, typer.Option(help="As dbt's --exclude.")]
FullRefresh = Annotated[bool, typer.Option(help="Build incremental models from nothing.")]
Vars = Annotated[str, typer.Option("--vars", help="As dbt's --vars: {first_day: 2030-12-31}.")]
IfDue = Annotated[
    bool, typer.Option("--if-due", help="Do nothing where the hooks say that nothing is due, and no more is asked for.")
]
State = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the manifest.json and run_results.json of the last run, for `state:` and `result:` "
        "(of build, by default: `last` in its results)."
    ),
]
OfHooks = Annotated[
    str,
    typer.Option(
        "--hooks",
        envvar="ARGODBT_HOOKS",
        help="module:attribute of what to do before and after a build (default: nothing; it is built in place).",
    ),
]
RunId = Annotated[str, typer.Option(help="What the hooks know the run by.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options of all commands."""
    if version:
        print(metadata.version("argodbt"))
        raise typer.Exit


@app.command()
def graph(
    manifest: OfManifest = None,
    fmt: Annotated[
        str, typer.Option("--format", help="yaml (a WorkflowTemplate), mermaid (a picture) or json (tasks and edges).")
    ] = "yaml",
    granularity: Annotated[
        Granularity, typer.Option(help="For mermaid and json; the WorkflowTemplate has all.")
    ] = Granularity.MODEL,
    name: Annotated[str, typer.Option(help="yaml: of the WorkflowTemplate (default: the project's).")] = "",
    namespace: Annotated[str, typer.Option(help="yaml: where workflows run.")] = "",
    image: Annotated[str, typer.Option(help="yaml: has dbt, `argodbt`, the project and its parsed state.")] = "",
    service_account: Annotated[str, typer.Option(help="yaml: of the workflow's pods.")] = "",
    secret: Annotated[
        list[str], typer.Option(help="yaml: Secret whose keys are variables of profiles.yml; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
    artifacts: Annotated[
        str,
        typer.Option(
            "--artifact-secret",
            help="yaml: Secret with ARTIFACTS_URL (s3://bucket of Argo's artifacts), ARTIFACTS_ACCESS_KEY_ID, "
            "ARTIFACTS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3, AWS_REGION; with it there is granularity warm.",
        ),
    ] = "",
    hooks: OfHooks = "",
) -> None:
    """Draw a dbt project as a DAG of tasks: any project's manifest will do."""
    from argodbt import drawing

    found = _manifest(manifest)
    match fmt:
        case "json":
            print(drawing.as_json(graph_of(found, granularity)))
        case "mermaid":
            print(drawing.as_mermaid(graph_of(found, granularity).reduced(), found))
        case "yaml":
            try:
                from argodbt.templates import DbtPods, template_of, warning
            except ImportError as error:
                raise ConfigError(
                    "WorkflowTemplates are written with Hera, which is not installed.",
                    hint="pip install 'argodbt[hera]', or choose --format json.",
                ) from error
            pods = DbtPods.of_project(found, name=name, image=image, secrets=secret, hooks=hooks, artifacts=artifacts)
            print(template_of(found, pods, namespace=namespace, service_account=service_account), end="")
            print(warning(found), end="", file=sys.stderr)
        case _:
            raise ConfigError(f"There is no format {fmt!r}.", hint="Choose yaml, mermaid or json.")


@app.command()
def prepare(
    selection: OfSelection,
    granularity: OfGranularity = Granularity.MODEL,
    select: Select = "",
    exclude: Exclude = "",
    full_refresh: FullRefresh = False,
    variables: Vars = "",
    if_due: IfDue = False,
    state: State = None,
    digest: Annotated[str, typer.Option(help="Of the graph of models that the workflow was drawn from.")] = "",
    manifest: OfManifest = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the names of the tasks that are selected to this file, too.")
    ] = None,
    hooks: OfHooks = "",
    run_id: RunId = "",
) -> None:
    """Decide which tasks of a workflow have anything to do, and make the place ready for them."""
    with _around("prepare", hooks, run_id) as (own, facts):
        project = _manifest(manifest)
        drawn, has = graph_of(project, granularity), graph_of(project, Granularity.MODEL).digest
        if digest and digest != has:
            raise ConfigError(
                f"The workflow was drawn from another state of the dbt project ({digest}) than the image has ({has}).",
                hint="Render and apply the WorkflowTemplate again.",
            )
        asked = Asked(select=select, exclude=exclude, full_refresh=full_refresh, variables=variables)
        dbt = Dbt(selection.parent / "dbt", variables=own.variables())
        chosen = building.prepare(drawn, asked, hooks=own, dbt=dbt, state=state, if_due=if_due)
        chosen.write(selection)
        facts.update(nodes=len(chosen.nodes), **chosen.ticket)
    tasks = chosen.tasks(drawn)
    _tell(
        "prepared",
        f"{len(chosen.nodes)} of {len(drawn.of_node)} nodes are selected: {tasks or 'nothing is to be done'}",
        nodes=len(chosen.nodes),
        tasks=tasks,
    )
    if to is not None:
        to.write_text(tasks)


@app.command()
def task(
    name: Annotated[str, typer.Argument(help="A task of the graph.")],
    selection: OfSelection,
    results: Results,
    earlier: Annotated[Path | None, typer.Option(help="Folder with what an earlier try of the task left.")] = None,
    manifest: OfManifest = None,
    hooks: OfHooks = "",
    run_id: RunId = "",
) -> None:
    """Build and test the nodes of one task: what was selected, and no earlier try has done."""
    preload()
    with _around("task", hooks, run_id) as (own, _):
        project, chosen = _manifest(manifest), Selection.read(selection)
        own.check(chosen.ticket)
        merged = run_task(
            project,
            chosen.nodes_of(name, graph_of(project, chosen.granularity)),
            dbt=Dbt(results / "dbt", variables=own.variables(), progress=_tell_node),
            results=results,
            earlier=read_results(earlier) if earlier else None,
            options=chosen.asked.options,
        )
        told = node_results(merged, project)
        for result in told:
            if result.status == "skipped":
                _tell_node(result)
        if bad := [result for result in told if result.is_bad]:
            raise failure(bad, hint="What hangs on them is left out.")


@app.command()
def finish(
    selection: OfSelection,
    parts: Annotated[Path, typer.Option(help="Folder with a folder a task, with its run_results.json.")],
    results: Results,
    docs: Docs = None,
    manifest: OfManifest = None,
    hooks: OfHooks = "",
    run_id: RunId = "",
) -> None:
    """Merge what the tasks said, record what the tests found, and publish when nothing failed."""
    preload()
    with _around("finish", hooks, run_id) as (own, facts):
        chosen = Selection.read(selection)
        if not chosen.nodes:
            _tell("finished", "Nothing was selected: all is as it was.", built=0)
            return
        found = [read for folder in sorted(parts.glob("*")) if (read := read_results(folder)) is not None]
        outcome = building.finish(_manifest(manifest), chosen, found, hooks=own, results=results)
        facts.update(outcome.counts)
        _tell_outcome(outcome)
        if outcome.error:
            raise outcome.error.settled()
        if docs:
            building.write_docs(docs, chosen.asked, own, results / "dbt")


@app.command()
def build(
    results: Results = Path("target", "argodbt"),
    select: Select = "",
    exclude: Exclude = "",
    full_refresh: FullRefresh = False,
    variables: Vars = "",
    if_due: IfDue = False,
    state: State = None,
    hooks: OfHooks = "",
    run_id: RunId = "",
) -> None:
    """Prepare, all tasks and finish in this process: what a workflow does, without Argo."""
    preload()
    asked = Asked(select=select, exclude=exclude, full_refresh=full_refresh, variables=variables)
    told = building.build(
        asked,
        hooks=load_hooks(hooks, run_id),
        artifacts=results / "dbt",
        results=results,
        progress=_tell_node,
        state=state or results / building.LAST,
        if_due=if_due,
    )
    _tell_outcome(Outcome(results=told))


@app.command()
def worker(
    at_once: Annotated[int, typer.Option(min=1, help="How many nodes run at a time.")] = 4,
    port: Annotated[int, typer.Option(help="To listen on, on loopback.")] = PORT,
    token: Annotated[Path, typer.Option(help="File with what Argo's agent must know.")] = TOKEN,
) -> None:
    """Run the nodes of a workflow that have no pod (granularity warm): the sidecar of Argo's agent.

    ARTIFACTS_URL, ARTIFACTS_ACCESS_KEY_ID and ARTIFACTS_SECRET_ACCESS_KEY name the artifact store.
    """
    serve("argodbt.cli:main", ["argodbt.warm"], at_once=at_once, port=port, token=token, ready=_tell_port)


def main() -> None:
    """Runs the command line."""
    signal.signal(signal.SIGTERM, _terminate)
    app()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM (kubectl delete pod, docker stop) ends as Ctrl-C does: the hooks note it."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def _around(command: str, name: str, run_id: str) -> Iterator[tuple[Hooks, dict[str, Any]]]:
    """The hooks, and what they do around a command."""
    hooks = load_hooks(name, run_id)
    with hooks.around(command) as facts:
        yield hooks, facts


def _tell_port(port: int) -> None:
    _tell("listening", f"Works for Argo's agent on port {port}.", port=port)


def _manifest(path: Path | None) -> Manifest:
    return read_manifest(path or parsed_manifest())


def _tell_outcome(outcome: Outcome) -> None:
    _tell(
        "finished",
        "Built {built}, tested {tests} times, {warnings} warnings.".format(**outcome.counts),
        **outcome.counts,
    )


def _tell_node(end: NodeEnd | NodeResult) -> None:
    """A line a node, as it ends."""
    _tell(
        "node",
        f"{end.kind} {end.name}: {end.status} in {end.seconds:.2f} s",
        kind=end.kind,
        name=end.name,
        status=end.status,
        seconds=round(end.seconds, 3),
    )


def _tell(event: str, sentence: str, **facts: Any) -> None:
    """Something that happened: a sentence on a terminal, elsewhere a line of JSON."""
    if sys.stdout.isatty():
        print(sentence, flush=True)
    else:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(json.dumps({"time": moment, "event": event, **facts}, default=str), flush=True)
