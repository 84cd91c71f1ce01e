"""A step as a container: its image, its rights, its secrets, what it may use, when it is run again."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

from hera.workflows import Container, Parameter, Resources, RetryStrategy, SecretEnv
from hera.workflows import models as m

from stocks.steps import KILLED_EXIT_CODES, REPLAY, REPORT, RETRIED_EXIT_CODES, STEPS, Retry, Step

VERSION = metadata.version("stocks")
PIPELINE, DBT = (f"stocks-{name}:{VERSION}" for name in ("pipeline", "dbt"))
UID = 10001
SCRATCH = "/tmp"  # noqa: S108 -- the one place where a container may write: its root is read-only
_RESULT = f"{SCRATCH}/result.json"


def _secret(variable: str, secret: str, *, optional: bool = False) -> SecretEnv:
    """A variable from the key of its name in a Secret."""
    return SecretEnv(name=variable, secret_name=secret, secret_key=variable, optional=optional or None)


def _warehouse(role: str) -> SecretEnv:
    return _secret("STOCKS_WAREHOUSE_URL", f"warehouse-{role}")


OWNER = _warehouse("owner")
_KEYS = tuple(  # the sample needs none
    _secret(variable, "stocks-provider", optional=True) for variable in ("ALPHAVANTAGE_API_KEY", "TIINGO_API_KEY")
)
_BRONZE = (_secret("AWS_ACCESS_KEY_ID", "bronze-writer"), _secret("AWS_SECRET_ACCESS_KEY", "bronze-writer"))


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What a step's pod is given: no secret and no right that the step does not use."""

    secrets: tuple[SecretEnv, ...]
    memory: str
    """Asked for; the limit is four times that."""
    minutes: int
    """A try that takes longer has hung."""
    image: str = PIPELINE
    cpu: str = "50m"
    service_account: str | None = None
    """Where it is not the workflow's."""
    extra_options: tuple[str, ...] = ()


PODS = {
    "plan": Pod(secrets=(_warehouse("writer"),), memory="128Mi", minutes=5),
    "extract": Pod(secrets=(_warehouse("writer"), *_KEYS, *_BRONZE), memory="128Mi", minutes=60),
    "normalize": Pod(secrets=(_warehouse("writer"), *_BRONZE), memory="256Mi", minutes=60),
    "commit": Pod(
        secrets=(_warehouse("writer"),),
        memory="128Mi",
        minutes=5,
        service_account="stocks-commit",
        extra_options=("--start-gold",),
    ),
    "replay": Pod(secrets=(_warehouse("writer"), *_BRONZE), memory="256Mi", minutes=120, extra_options=("--no-gold",)),
    "report": Pod(secrets=(_warehouse("writer"),), memory="128Mi", minutes=5),
}
"""By the name of the step; gold, which is more than a pod, is drawn in `dbt_project`."""

assert set(PODS) == {step.name for step in (*STEPS, REPLAY, REPORT) if not step.only_if_changed}


def container_of(step: Step, *, inputs: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Container:
    """The template of a step.

    Args:
        step: The step; its options come from inputs of their name, else from the workflow's parameters.
        inputs: The parameters that whoever calls the template gives it.
        options: More of the command line.
    """
    pod = PODS[step.name]
    arguments = [step.name, "--run-id", "{{workflow.uid}}", *pod.extra_options, *options]
    for option in step.options:
        owner = "inputs" if option in inputs else "workflow"
        arguments.append(f"--{option}={{{{{owner}.parameters.{option}}}}}")
    if step.writes:
        arguments += ["--to", _RESULT]
    return Container(
        name=step.name,
        image=pod.image,
        image_pull_policy=m.ImagePullPolicy.if_not_present,
        command=["stocks"],  # without it Argo would ask a registry for the image's own
        args=arguments,
        inputs=[Parameter(name=name) for name in inputs] or None,
        outputs=[Parameter(name=step.writes, value_from=m.ValueFrom(path=_RESULT))] if step.writes else None,
        env_from=[settings()],
        env=list(pod.secrets),
        resources=Resources(
            cpu_request=pod.cpu, memory_request=pod.memory, memory_limit=f"{4 * int(pod.memory.removesuffix('Mi'))}Mi"
        ),
        volume_mounts=scratch_mount(),
        security_context=no_rights(),
        service_account_name=pod.service_account,
        active_deadline_seconds=60 * pod.minutes,
        retry_strategy=None if step.retry is Retry.NEVER else retry(),
        synchronization=_provider_lock() if step.needs_provider else None,
        labels={"app.kubernetes.io/name": "stocks", "app.kubernetes.io/component": step.name},
    )


def settings() -> m.EnvFromSource:
    """The variables of `stocks.settings` that are no secrets."""
    return m.EnvFromSource(config_map_ref=m.ConfigMapEnvSource(name="stocks-settings"))


def retry(limit: int = 4) -> RetryStrategy:
    """A pod that was taken away runs again, as does a step that met a passing fault."""
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


def scratch_mount() -> list[m.VolumeMount]:
    """The one folder that a container may write to; the volume is the workflow's."""
    return [m.VolumeMount(name="scratch", mount_path=SCRATCH)]


def _provider_lock() -> m.Synchronization:
    """How many pods may ask the provider at the same time, over all workflows."""
    key = m.ConfigMapKeySelector(name="stocks-locks", key="provider")
    return m.Synchronization(semaphores=[m.SemaphoreRef(config_map_key_ref=key)])
