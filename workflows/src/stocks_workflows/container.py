"""A step as a container: its secrets, rights and resources are what it says that it needs."""

from __future__ import annotations

from importlib import metadata

from hera.workflows import ConfigMapEnv, Container, Parameter, Resources, SecretEnv
from hera.workflows import models as m

from argodbt.templates import no_rights, retry, scratch_mount
from argodbt.warm_template import SCRATCH, Variable
from stocks.settings import api_keys
from stocks.steps import Login, Needs, Step

VERSION = metadata.version("stocks")
PIPELINE, DBT = (f"stocks-{name}:{VERSION}" for name in ("pipeline", "dbt"))
NODES = "stocks-nodes"
"""The ConfigMap that says whether nodes are warm or pods."""
_ARTIFACTS = "rustfs-argo"  # the Secret
_RESULT = f"{SCRATCH}/result.json"


def secrets(needs: Needs) -> list[SecretEnv]:
    """The variables that come from Secrets: of what a step needs, and the login that writes the run log."""
    found = [_secret("STOCKS_WAREHOUSE_URL", f"warehouse-{needs.login or Login.WRITER}")]
    if needs.provider:  # each key is optional: the sample needs none
        found += [_secret(name, "stocks-provider", optional=True) for name in api_keys()]
    if needs.store:
        found += [_secret(name, "bronze-writer") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    return found


def container_of(step: Step, *, inputs: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Container:
    """The template of a step.

    Args:
        step: The step; its parameters come from inputs of their name, else from the workflow's.
        inputs: The parameters that whoever calls the template gives it.
        options: More of the command line.
    """
    needs = step.needs
    arguments = [step.name, "--run-id", "{{workflow.uid}}", *step.flags, *options]
    for parameter in step.parameters:
        owner = "inputs" if parameter in inputs else "workflow"
        arguments.append(f"--{parameter}={{{{{owner}.parameters.{parameter}}}}}")
    if step.writes:
        arguments += ["--to", _RESULT]
    return Container(
        name=step.name,
        image=PIPELINE,
        image_pull_policy=m.ImagePullPolicy.if_not_present,
        command=["stocks"],  # without it Argo would ask a registry for the image's own
        args=arguments,
        inputs=[Parameter(name=name) for name in inputs] or None,
        outputs=[Parameter(name=step.writes, value_from=m.ValueFrom(path=_RESULT))] if step.writes else None,
        env_from=[settings()],
        env=secrets(needs),
        resources=Resources(
            cpu_request="50m",
            memory_request=needs.memory,
            memory_limit=f"{4 * int(needs.memory.removesuffix('Mi'))}Mi",
        ),
        volume_mounts=scratch_mount(),
        security_context=no_rights(),
        service_account_name="stocks-commit" if needs.cluster else None,
        active_deadline_seconds=60 * needs.minutes,
        retry_strategy=retry(step.retries),
        synchronization=_provider_lock() if needs.provider else None,
        labels={"app.kubernetes.io/name": "stocks", "app.kubernetes.io/component": step.name},
    )


def artifacts() -> list[Variable]:
    """The variables of Argo's artifact store, for the worker."""
    login = {"ARTIFACTS_ACCESS_KEY_ID": "accesskey", "ARTIFACTS_SECRET_ACCESS_KEY": "secretkey"}
    return [
        ConfigMapEnv(name="ARTIFACTS_URL", config_map_name=NODES, config_map_key="artifacts-url"),
        *(SecretEnv(name=name, secret_name=_ARTIFACTS, secret_key=key) for name, key in login.items()),
    ]


def _secret(variable: str, secret: str, *, optional: bool = False) -> SecretEnv:
    """A variable from the key of its name in a Secret."""
    return SecretEnv(name=variable, secret_name=secret, secret_key=variable, optional=optional or None)


def settings() -> m.EnvFromSource:
    """The variables of `stocks.settings` that are no secrets."""
    return m.EnvFromSource(config_map_ref=m.ConfigMapEnvSource(name="stocks-settings"))


def _provider_lock() -> m.Synchronization:
    """How many pods may ask the provider at the same time, over all workflows."""
    key = m.ConfigMapKeySelector(name="stocks-locks", key="provider")
    return m.Synchronization(semaphores=[m.SemaphoreRef(config_map_key_ref=key)])
