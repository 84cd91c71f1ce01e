"""`stocks gold`: the build in one process, or in a workflow's pods; and the graph of any dbt project."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stocks.cli.options import AsJson, AsText, RunId
from stocks.cli.running import logged_run, noted, print_result, reporting
from stocks.errors import ConfigError
from stocks.gold.graph import Granularity, graph_of
from stocks.gold.manifest import Manifest, read_manifest
from stocks.settings import Settings, project_folder

if TYPE_CHECKING:  # heavy: each command imports what it needs
    from stocks.cli.report import Reporter
    from stocks.gold.dbt import NodeEnd
    from stocks.gold.results import NodeResult
    from stocks.warehouse import Warehouse

app = typer.Typer(
    help="Build and test the star schema with dbt; publish it when every test has passed.",
    epilog="Without a command: all of it, in this process. The commands are what a workflow's pods run.",
)

FullRefresh = Annotated[bool, typer.Option(help="Build incremental models from nothing.")]
OfManifest = Annotated[
    Path | None, typer.Option("--manifest", help="dbt's manifest.json (default: target/manifest.json of the project).")
]
OfSelection = Annotated[Path, typer.Option(help="File that `prepare` wrote.")]
Results = Annotated[Path, typer.Option(help="Folder to write run_results.json and dbt's log to.")]
PodRunId = Annotated[
    uuid.UUID | None,
    typer.Option(
        help="The run in ops.run that the build belongs to. Without it the project is another one: "
        "built in place with its own profile, recorded and published nowhere."
    ),
]


@app.callback(invoke_without_command=True)
def gold(
    context: typer.Context,
    full_refresh: FullRefresh = False,
    if_changed: Annotated[bool, typer.Option("--if-changed", help="Do nothing where gold is current.")] = False,
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build and test the star schema with dbt; publish it when every test has passed."""
    if context.invoked_subcommand is not None:
        return
    from stocks.gold.dbt import preload
    from stocks.local import runner

    preload()
    logged_run(
        "gold",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.gold(
            settings, warehouse, log, report, full_refresh=full_refresh, only_if_changed=if_changed
        ),
        run_id=run_id,
    )


@app.command()
def graph(
    manifest: OfManifest = None,
    fmt: Annotated[
        str, typer.Option("--format", help="yaml (a WorkflowTemplate), mermaid (a picture) or json (tasks and edges).")
    ] = "yaml",
    granularity: Annotated[
        Granularity, typer.Option(help="For mermaid and json; the WorkflowTemplate has all three.")
    ] = Granularity.MODEL,
    name: Annotated[str, typer.Option(help="yaml: of the WorkflowTemplate (default: the project's).")] = "",
    namespace: Annotated[str, typer.Option(help="yaml: where workflows run.")] = "",
    image: Annotated[str, typer.Option(help="yaml: has dbt, `stocks`, the project and its parsed state.")] = "",
    service_account: Annotated[str, typer.Option(help="yaml: of the workflow's pods.")] = "",
    secret: Annotated[
        list[str], typer.Option(help="yaml: Secret whose keys are variables of profiles.yml; may be repeated.")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Draw a dbt project as a DAG of tasks: any project's manifest will do."""
    from stocks.gold import drawing

    found = _manifest(manifest)
    match fmt:
        case "json":
            print(drawing.as_json(graph_of(found, granularity)))
        case "mermaid":
            print(drawing.as_mermaid(graph_of(found, granularity).reduced(), found))
        case "yaml":
            try:
                # The one place where the pipeline looks at the package above it, which alone knows Hera.
                from stocks_workflows.dbt_project import template_of
            except ImportError as error:
                raise ConfigError(
                    "WorkflowTemplates are written by the package stocks-workflows, which is not installed.",
                    hint="pip install ./workflows, or choose --format json.",
                ) from error
            print(
                template_of(
                    found, name=name, namespace=namespace, image=image, service_account=service_account, secrets=secret
                ),
                end="",
            )
        case _:
            raise ConfigError(f"There is no format {fmt!r}.", hint="Choose yaml, mermaid or json.")


@app.command()
def prepare(
    selection: OfSelection,
    granularity: Annotated[Granularity, typer.Option(help="How much of the project a task runs.")] = Granularity.MODEL,
    select: Annotated[str, typer.Option(help="As dbt's --select: fact_adjusted_prices+, state:modified+.")] = "",
    exclude: Annotated[str, typer.Option(help="As dbt's --exclude.")] = "",
    full_refresh: FullRefresh = False,
    variables: Annotated[str, typer.Option("--vars", help="As dbt's --vars: {calendar_last: 2026-12-31}.")] = "",
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Select nothing where gold is current and no more is asked for.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(help="Folder with the manifest.json and run_results.json of the last run.")
    ] = None,
    digest: Annotated[str, typer.Option(help="Of the graph of models that the workflow was drawn from.")] = "",
    manifest: OfManifest = None,
    run_id: PodRunId = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the names of the tasks that are selected to this file.")
    ] = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Decide which tasks of a workflow have anything to do, and make the warehouse ready for them."""
    from stocks.gold import workflow
    from stocks.gold.ledger import is_current

    with reporting(output, as_json) as (report, settings), noted(settings, run_id, "prepare", command="gold") as note:
        project = _manifest(manifest)
        drawn, own = graph_of(project, granularity), graph_of(project, Granularity.MODEL).digest
        if digest and digest != own:
            raise ConfigError(
                f"The workflow was drawn from another state of the dbt project ({digest}) than the image has ({own}).",
                hint="Render and apply the WorkflowTemplate again: make generate, make up.",
            )
        warehouse = _warehouse(settings, run_id)
        options = [*(["--full-refresh"] if full_refresh else []), *(["--vars", variables] if variables else [])]
        is_asked_for = full_refresh or select or exclude or variables
        if if_changed and not is_asked_for and warehouse and is_current(warehouse):
            chosen = workflow.Selection(nodes=(), granularity=granularity)
        else:
            chosen = workflow.prepare(
                drawn,
                select=select,
                exclude=exclude,
                options=options,
                state=state,
                warehouse=warehouse,
                run_id=run_id,
                scratch=selection.parent / "dbt",
            )
        chosen.write(selection)
        note.detail.update(nodes=len(chosen.nodes), build=chosen.build_id)
        report.say(f"{len(chosen.nodes)} of {len(drawn.of_node)} nodes are selected.")
        print_result(chosen.tasks(drawn), to)


@app.command()
def task(
    name: Annotated[str, typer.Argument(help="A task of the graph.")],
    selection: OfSelection,
    results: Results,
    earlier: Annotated[Path | None, typer.Option(help="Folder with what an earlier try of the task left.")] = None,
    manifest: OfManifest = None,
    run_id: PodRunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build and test the nodes of one task: what was selected, and no earlier try has done."""
    from stocks.gold import workflow
    from stocks.gold.dbt import preload
    from stocks.gold.results import failure, node_results, read_results
    from stocks.gold.tasks import run_task

    preload()
    with reporting(output, as_json) as (report, settings):
        project = _manifest(manifest)
        chosen = workflow.Selection.read(selection)
        warehouse = _warehouse(settings, run_id)
        if warehouse:
            workflow.check_is_newest(warehouse, chosen)
        merged = run_task(
            project,
            chosen.nodes_of(name, graph_of(project, chosen.granularity)),
            earlier=read_results(earlier) if earlier else None,
            options=chosen.options,
            variables=workflow.variables(warehouse),
            scratch=results / "dbt",
            results=results,
            progress=lambda end: _tell(report, end),
        )
        told = node_results(merged, project)
        for result in told:
            if result.status == "skipped":
                _tell(report, result)
        if bad := [result for result in told if result.is_bad]:
            raise failure(bad, hint="What hangs on them is left out.")


@app.command()
def finish(
    selection: OfSelection,
    parts: Annotated[Path, typer.Option(help="Folder with a folder a task, with its run_results.json.")],
    results: Results,
    docs: Annotated[Path | None, typer.Option(help="Write dbt's documentation to this file.")] = None,
    manifest: OfManifest = None,
    run_id: PodRunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Merge what the tasks said, record what the tests found, and publish gold when nothing failed."""
    from stocks.gold import GoldBuild, workflow
    from stocks.gold.dbt import preload
    from stocks.gold.results import RUN_RESULTS, read_results

    preload()
    with reporting(output, as_json) as (report, settings), noted(settings, run_id, "gold", command="gold") as note:
        chosen = workflow.Selection.read(selection)
        if not chosen.nodes:
            report.say("Nothing was selected: gold is as it was.")
            return
        path = _manifest_path(manifest)
        warehouse = _warehouse(settings, run_id)
        found = [read for folder in sorted(parts.glob("*")) if (read := read_results(folder)) is not None]
        last = results / "last"
        last.mkdir(parents=True, exist_ok=True)
        try:
            told = workflow.finish(read_manifest(path), chosen, found, warehouse=warehouse, results=results)
        finally:
            if chosen.is_state and (results / RUN_RESULTS).exists():
                shutil.copyfile(results / RUN_RESULTS, last / RUN_RESULTS)
            if chosen.has_all_changes:
                shutil.copyfile(path, last / workflow.MANIFEST)
        build = GoldBuild(results=told)
        counts = {"built": build.models, "tests": build.tests, "warnings": len(build.warnings)}
        note.detail.update(counts)
        report.line("built", "Built {built}, tested {tests} times, {warnings} warnings.".format(**counts), **counts)
        if docs:
            workflow.write_docs(docs, chosen.options, warehouse, scratch=results / "dbt")


def _tell(report: Reporter, end: NodeEnd | NodeResult) -> None:
    """A line a node, as it ends."""
    report.line(
        "node",
        f"{end.kind} {end.name}: {end.status} in {end.seconds:.2f} s",
        kind=end.kind,
        name=end.name,
        status=end.status,
        seconds=round(end.seconds, 3),
    )


def _warehouse(settings: Settings, run_id: uuid.UUID | None) -> Warehouse | None:
    """The warehouse that keeps the books; None for a project that has none."""
    from stocks.warehouse import Warehouse

    if run_id is None:
        return None
    if settings.stocks_warehouse_url is None:
        raise ConfigError("A build in pods needs a warehouse that they share.", hint="Set STOCKS_WAREHOUSE_URL.")
    return Warehouse(settings.stocks_warehouse_url, connect_wait=settings.stocks_connect_wait)


def _manifest_path(path: Path | None) -> Path:
    return path or project_folder() / "target" / "manifest.json"


def _manifest(path: Path | None) -> Manifest:
    return read_manifest(_manifest_path(path))
