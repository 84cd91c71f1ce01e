"""A dbt project as templates of Argo: a pod a task of its graph, or a node without one.

main    pods, or warm
pods    prepare ─▶ model │ layer │ single, whichever granularity was asked for ─▶ finish
warm    prepare ─▶ models ─▶ finish, of which only a model with `own_pod` has a pod (`argodbt.warm_template`)
model   task ─▶ task ─▶ …, as the graph has it; layer: the same with fewer tasks; models: model without pods
task    the one template of all tasks, and of those with a `meta.argo` of their own one more each

Without an artifact store for the worker there is no `warm`, and main is what pods is.

What a pod leaves for others goes through the artifact store, under the template's name:

    <workflow>/selection.json                      what is to do
    <workflow>/tasks/<task>/run_results.json       of each task, and its dbt.log
    <workflow>/run_results.json                    all of them merged
    last/manifest.json, last/run_results.json      what `state:` and `result:` compare with
    docs/index.html                                dbt's documentation
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hera.workflows import (
    DAG,
    Container,
    Env,
    NoneArchiveStrategy,
    Parameter,
    Resources,
    RetryStrategy,
    S3Artifact,
    SecretEnv,
    Task,
)
from hera.workflows import models as m

from argodbt.errors import KILLED_EXIT_CODES, RETRIED_EXIT_CODES, ConfigError
from argodbt.graph import Granularity, Graph, graph_of
from argodbt.manifest import MANIFEST, Manifest, PodConfig
from argodbt.results import RUN_RESULTS
from argodbt.warm_template import SCRATCH, Variable, WarmTemplate, twin_of
from argodbt.worker.artifacts import VARIABLES

MAIN = "main"
UID = 10001
_PREPARE, _FINISH, _PODS, _MODELS = "prepare", "finish", "pods", "models"
_DRAWN = (Granularity.MODEL, Granularity.LAYER)
_IN_PODS = (*_DRAWN, Granularity.SINGLE)
_IN, _OUT = f"{SCRATCH}/in", f"{SCRATCH}/out"
_SELECTION = "selection.json"
_TRIES = 4
_MOST_TASKS = 200  # in a DAG, by Argo 4's full definitions (dag.tasks, maxItems)
_PARAMETERS: dict[str, tuple[str, str]] = {
    "granularity": (
        Granularity.LAYER,
        "A pod for each model, for each layer of cheap ones and chains, or a single one; warm: a node without a pod "
        "for each model.",
    ),
    "select": ("", "As dbt's --select: orders+, state:modified+; empty: all."),
    "exclude": ("", "As dbt's --exclude."),
    "full-refresh": ("false", "true: incremental models from nothing."),
    "vars": ("", "As dbt's --vars: {first_day: 2030-12-31}."),
}
DEFAULTS = {name: value for name, (value, _) in _PARAMETERS.items()}
"""What a run of `main` is given where nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class DbtPods:
    """What the pods of a dbt project are given."""

    name: str
    """Of the WorkflowTemplate, and of the folder in the artifact store."""
    image: str
    """Has dbt, the command `argodbt`, the project and its parsed state."""
    hooks: str = ""
    """module:attribute of `argodbt.hooks`; they are told the workflow's uid."""
    env: Sequence[SecretEnv] = ()
    env_from: Sequence[m.EnvFromSource] = ()
    artifacts: Sequence[Variable] = ()
    """The variables of `argodbt.worker.artifacts`, for nodes without a pod; empty: there are none."""
    cpu: str = "100m"
    memory: str = "384Mi"
    """Asked for; the limit is four times that."""
    minutes: int = 30
    """A try of a task that takes longer has hung, unless `meta.argo` says otherwise."""

    @classmethod
    def of_project(
        cls, manifest: Manifest, *, name: str, image: str, secrets: Sequence[str], hooks: str, artifacts: str = ""
    ) -> DbtPods:
        """The pods of any dbt project.

        Args:
            manifest: The project's.
            name: Of the template; empty: the project's name.
            image: Empty: the template's name.
            secrets: Names of Secrets whose keys are variables of the environment.
            hooks: As the command line takes them.
            artifacts: Name of the Secret with the variables of `argodbt.worker.artifacts`; empty: no node is warm.
        """
        own = name or manifest.project.replace("_", "-").lower()
        return cls(
            name=own,
            image=image or f"{own}:latest",
            hooks=hooks,
            env_from=[m.EnvFromSource(secret_ref=m.SecretEnvSource(name=secret)) for secret in secrets],
            artifacts=[
                SecretEnv(name=name, secret_name=artifacts, secret_key=name, optional=name.startswith("AWS_") or None)
                for name in (*VARIABLES, "AWS_ENDPOINT_URL_S3", "AWS_REGION")
                if artifacts
            ],
        )


def parameters(pods: DbtPods) -> list[Parameter]:
    """What a run may be asked for, with what it does where it is not."""
    granularities = [str(granularity) for granularity in (Granularity if pods.artifacts else _IN_PODS)]
    return [
        Parameter(
            name=name,
            value=value,
            enum=granularities if name == "granularity" else None,
            description=description,
        )
        for name, (value, description) in _PARAMETERS.items()
    ]


def add_templates(manifest: Manifest, pods: DbtPods, template: WarmTemplate) -> None:
    """Adds all templates to the WorkflowTemplate that is being made; `main` is the one to start.

    Raises:
        ConfigError: The project has nothing to run.
    """
    graphs = {granularity: graph_of(manifest, granularity) for granularity in _IN_PODS}
    if not graphs[Granularity.MODEL].tasks:
        raise ConfigError(f"The dbt project {manifest.project} has nothing to run.")
    _prepare(pods, graphs[Granularity.MODEL].digest)
    _finish(pods)
    graphs = {granularity: graph.reduced() for granularity, graph in graphs.items()}
    tasks = _task_templates(pods, graphs.values())
    for granularity in _DRAWN:
        _dag(granularity, graphs[granularity], tasks)
    branches = {
        str(granularity): Branch(
            template=granularity if granularity in _DRAWN else tasks[graph.tasks[0].pod],
            only="" if granularity in _DRAWN else graph.tasks[0].name,
            when=f"inputs.parameters.granularity == '{granularity}'",
        )
        for granularity, graph in graphs.items()
    }
    if not pods.artifacts:
        _build(MAIN, _PREPARE, branches, _FINISH)
        return
    _build(_PODS, _PREPARE, branches, _FINISH)
    twins = {task.pod: tasks[task.pod] for task in graphs[Granularity.MODEL].tasks if not task.pod.own_pod}
    template.twins, template.artifacts = [_PREPARE, *twins.values(), _FINISH], pods.artifacts
    _dag(_MODELS, graphs[Granularity.MODEL], {**tasks, **{pod: twin_of(name) for pod, name in twins.items()}})
    _build(Granularity.WARM, twin_of(_PREPARE), {_MODELS: Branch(template=_MODELS)}, twin_of(_FINISH))
    with DAG(name=MAIN, inputs=_inputs(), fail_fast=False):
        is_warm = f"inputs.parameters.granularity == '{Granularity.WARM}'"
        Task(name=_PODS, template=_PODS, when=f"{{{{= !({is_warm}) }}}}", arguments=_handed_on())
        Task(name=Granularity.WARM, template=Granularity.WARM, when=f"{{{{= {is_warm} }}}}", arguments=_handed_on())


def warning(manifest: Manifest) -> str:
    """A line about what a cluster may refuse of the project's templates; empty: nothing."""
    tasks = len(graph_of(manifest, Granularity.MODEL).tasks)
    if tasks <= _MOST_TASKS:
        return ""
    return (
        f"{manifest.project} has {tasks} tasks, and Argo 4's full definitions allow {_MOST_TASKS} in a DAG: "
        "where the API server says `Too many`, install the minimal ones (manifests/base/crds/minimal of Argo, "
        "`crds.full: false` of its chart).\n"
    )


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One way to run what was selected."""

    template: str
    only: str = ""
    """The task that it runs; empty: a DAG, which is told what was selected."""
    when: str = ""
    """Expression: whether it is the one; empty: it is."""


def _build(name: str, prepare: str, branches: Mapping[str, Branch], finish: str) -> None:
    """A DAG: prepare, one of the branches, finish."""
    with DAG(name=name, inputs=_inputs(), fail_fast=False):
        Task(name=_PREPARE, template=prepare, arguments=_handed_on())
        selected = f"tasks.{_PREPARE}.outputs.parameters.selected"
        for task, branch in branches.items():
            conditions = [*([branch.when] if branch.when else []), f"{selected} != ''"]
            Task(
                name=task,
                template=branch.template,
                depends=_PREPARE,
                when=f"{{{{= {' && '.join(conditions)} }}}}",
                arguments={"task": branch.only} if branch.only else {"selected": f"{{{{{selected}}}}}"},
            )
        ended = " && ".join(
            "(" + " || ".join(f"{task}.{end}" for end in ("Succeeded", "Failed", "Errored", "Skipped")) + ")"
            for task in branches
        )
        Task(name=_FINISH, template=finish, depends=ended)


def _handed_on() -> dict[str, str]:
    return {name: f"{{{{inputs.parameters.{name}}}}}" for name in DEFAULTS}


def template_of(manifest: Manifest, pods: DbtPods, *, namespace: str, service_account: str) -> str:
    """The WorkflowTemplate of a dbt project, as YAML.

    Args:
        manifest: The project's.
        pods: Of the project.
        namespace: Where it will run; empty: where it is applied.
        service_account: Of the pods; empty: Argo's default.
    """
    with WarmTemplate(
        name=pods.name,
        namespace=namespace or None,
        annotations={"workflows.argoproj.io/description": f"Builds the dbt project {manifest.project}."},
        entrypoint=MAIN,
        arguments=parameters(pods),
        service_account_name=service_account or None,
        security_context=pod_security(),
        volumes=scratch_volume(),
        pod_gc=m.PodGC(strategy="OnPodSuccess", delete_delay_duration="60s"),
        # Two builds at the same time would write to the same tables.
        synchronization=m.Synchronization(mutexes=[m.Mutex(name=pods.name)]),
    ) as template:
        add_templates(manifest, pods, template)
    return str(template.to_yaml(width=120))


def retry(limit: int = _TRIES) -> RetryStrategy:
    """A pod that was taken away runs again, as does one that met a passing fault."""
    codes = ", ".join(map(str, (*RETRIED_EXIT_CODES, *KILLED_EXIT_CODES)))
    return RetryStrategy(
        limit=limit,
        retry_policy="Always",
        expression=f"lastRetry.status == 'Error' || asInt(lastRetry.exitCode) in [{codes}]",
        # Short: a lock is held while a template waits to be tried again.
        backoff=m.Backoff(duration="5s", factor=m.IntOrString(3), max_duration="10m"),
    )


def no_rights() -> m.SecurityContext:
    """What a container may do: nothing but compute."""
    return m.SecurityContext(
        allow_privilege_escalation=False,
        capabilities=m.Capabilities(drop=["ALL"]),
        read_only_root_filesystem=True,
    )


def pod_security() -> m.PodSecurityContext:
    """Nobody's pods."""
    return m.PodSecurityContext(
        run_as_non_root=True,
        run_as_user=UID,
        run_as_group=UID,
        fs_group=UID,
        seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
    )


def scratch_volume() -> list[m.Volume]:
    """The one folder that containers may write to."""
    return [m.Volume(name="scratch", empty_dir=m.EmptyDirVolumeSource(size_limit=m.Quantity("1Gi")))]


def scratch_mount() -> list[m.VolumeMount]:
    """The one folder that a container may write to; the volume is the workflow's."""
    return [m.VolumeMount(name="scratch", mount_path=SCRATCH)]


def _dag(name: str, graph: Graph, templates: Mapping[PodConfig, str]) -> None:
    """The tasks of a graph; one whose nodes are not selected is skipped, and what waits for it goes on."""
    with DAG(name=name, inputs=[Parameter(name="selected")], fail_fast=False):
        for task in graph.tasks:
            selected = "inputs.parameters.selected"
            Task(
                name=task.name,
                template=templates[task.pod],
                depends=" && ".join(task.after) or None,
                when=f"{{{{= {selected} == 'all' || {selected} contains ',{task.name},' }}}}",
                arguments={"task": task.name},
            )


def _inputs() -> list[Parameter]:
    return [Parameter(name=name) for name in DEFAULTS]


def _prepare(pods: DbtPods, digest: str) -> Container:
    options = [f"--{name}={{{{inputs.parameters.{name}}}}}" for name in DEFAULTS if name != "full-refresh"]
    return _container(
        pods,
        _PREPARE,
        [
            *options,
            "{{= inputs.parameters['full-refresh'] == 'true' ? '--full-refresh' : '--no-full-refresh' }}",
            *(f"--digest={digest}", f"--state={_IN}/last", f"--selection={_OUT}/{_SELECTION}", f"--to={_OUT}/selected"),
            # What is up to date already is left alone, unless more is asked for; without hooks, everything is due.
            "--if-due",
        ],
        inputs=[
            *_inputs(),
            _artifact("last-manifest", f"{_IN}/last/{MANIFEST}", f"{pods.name}/last/{MANIFEST}", optional=True),
            _artifact("last-results", f"{_IN}/last/{RUN_RESULTS}", f"{pods.name}/last/{RUN_RESULTS}", optional=True),
        ],
        outputs=[
            Parameter(name="selected", value_from=m.ValueFrom(path=f"{_OUT}/selected")),
            _artifact("selection", f"{_OUT}/{_SELECTION}", _key(pods, _SELECTION)),
        ],
    )


def _task_templates(pods: DbtPods, graphs: Iterable[Graph]) -> dict[PodConfig, str]:
    """A template for each sort of pod that any task asks for; their names."""
    made: dict[PodConfig, str] = {}
    for graph in graphs:
        for task in graph.tasks:
            if task.pod not in made:
                is_plain = task.pod.model_copy(update={"own_pod": False}) == PodConfig()
                made[task.pod] = "task" if is_plain else f"task-{task.name}"
                _task(pods, made[task.pod], task.pod)
    return made


def _task(pods: DbtPods, name: str, pod: PodConfig) -> Container:
    folder = _key(pods, "tasks/{{inputs.parameters.task}}")
    return _container(
        pods,
        name,
        [
            "{{inputs.parameters.task}}",
            *(f"--selection={_IN}/{_SELECTION}", f"--earlier={_IN}/earlier", f"--results={_OUT}"),
        ],
        command="task",
        pod=pod,
        inputs=[
            Parameter(name="task"),
            _artifact("selection", f"{_IN}/{_SELECTION}", _key(pods, _SELECTION)),
            # What an earlier try of this task has done: it is not done again.
            _artifact("earlier", f"{_IN}/earlier/{RUN_RESULTS}", f"{folder}/{RUN_RESULTS}", optional=True),
        ],
        outputs=[
            _artifact("run-results", f"{_OUT}/{RUN_RESULTS}", f"{folder}/{RUN_RESULTS}", optional=True),
            _artifact("log", f"{_OUT}/dbt.log", f"{folder}/dbt.log", optional=True),
        ],
    )


def _finish(pods: DbtPods) -> Container:
    return _container(
        pods,
        _FINISH,
        [
            *(f"--selection={_IN}/{_SELECTION}", f"--parts={_IN}/tasks", f"--results={_OUT}"),
            f"--docs={_OUT}/index.html",
        ],
        inputs=[
            _artifact("selection", f"{_IN}/{_SELECTION}", _key(pods, _SELECTION)),
            _artifact("tasks", f"{_IN}/tasks", _key(pods, "tasks"), optional=True),
        ],
        outputs=[
            _artifact("run-results", f"{_OUT}/{RUN_RESULTS}", _key(pods, RUN_RESULTS), optional=True),
            _artifact("last-manifest", f"{_OUT}/last/{MANIFEST}", f"{pods.name}/last/{MANIFEST}", optional=True),
            _artifact("last-results", f"{_OUT}/last/{RUN_RESULTS}", f"{pods.name}/last/{RUN_RESULTS}", optional=True),
            _artifact("docs", f"{_OUT}/index.html", f"{pods.name}/docs/index.html", optional=True),
        ],
    )


def _container(
    pods: DbtPods,
    name: str,
    arguments: Sequence[str],
    *,
    inputs: Sequence[Parameter | S3Artifact],
    outputs: Sequence[Parameter | S3Artifact],
    command: str = "",
    pod: PodConfig | None = None,
) -> Container:
    asked = pod or PodConfig()
    memory = asked.memory or pods.memory
    return Container(
        name=name,
        image=pods.image,
        image_pull_policy=m.ImagePullPolicy.if_not_present,
        command=["argodbt"],  # without it Argo would ask a registry for the image's own
        args=[command or name, *arguments, *(["--run-id={{workflow.uid}}"] if pods.hooks else [])],
        inputs=list(inputs),
        outputs=list(outputs),
        env=[*([Env(name="ARGODBT_HOOKS", value=pods.hooks)] if pods.hooks else []), *pods.env] or None,
        env_from=list(pods.env_from) or None,
        resources=Resources(
            cpu_request=asked.cpu or pods.cpu,
            memory_request=memory,
            memory_limit=asked.memory_limit or _times_four(memory),
        ),
        volume_mounts=scratch_mount(),
        security_context=no_rights(),
        active_deadline_seconds=asked.seconds or 60 * pods.minutes,
        retry_strategy=retry(_TRIES if asked.retries is None else asked.retries),
        labels={"app.kubernetes.io/name": pods.name, "app.kubernetes.io/component": command or name},
    )


def _times_four(memory: str) -> str:
    number = memory.rstrip("KMGTik")
    return f"{4 * float(number):g}{memory[len(number) :]}"


def _key(pods: DbtPods, name: str) -> str:
    return f"{pods.name}/{{{{workflow.uid}}}}/{name}"


def _artifact(name: str, path: str, key: str, *, optional: bool = False) -> S3Artifact:
    """A file in the artifact store that keeps its name there: only its key is in the workflow."""
    return S3Artifact(name=name, path=path, key=key, archive=NoneArchiveStrategy(), optional=optional or None)
