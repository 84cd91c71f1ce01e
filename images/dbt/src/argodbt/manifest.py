"""Reads dbt's manifest: of any project, and only what a graph of tasks needs.

Nothing of dbt is imported and fields that are not named here are passed over, so another version of dbt that
writes the same schema can be read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from argodbt.errors import ConfigError

MANIFEST = "manifest.json"
SCHEMA = "https://schemas.getdbt.com/dbt/manifest/v12.json"

_EXECUTABLE = frozenset({"model", "seed", "snapshot", "function"})
_TESTS = frozenset({"test", "unit_test"})
_KINDS = _EXECUTABLE | _TESTS | {"source"}
_CHEAP = frozenset({"view", "seed", "function"})

_UNITS = {unit: 1000.0**power for power, unit in enumerate(("", "k", "M", "G", "T"))}
_UNITS |= {unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)}
_UNITS["m"] = 1e-3
_SECONDS = {"s": 1, "m": 60, "h": 3600}

# Kubernetes would take memory without a unit, as bytes: nobody means that.
_Cpu = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?|\d+m)$")]
_Memory = Annotated[str, Field(pattern=r"^\d+(\.\d+)?([KMGT]i|[kMGT])$")]


class PodConfig(BaseModel):
    """What `meta.argo` in a node's dbt config asks of the pod that runs the node; None leaves it to the template."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cpu: _Cpu | None = None
    """Request: `500m`, `2`."""
    memory: _Memory | None = None
    """Request: `512Mi`, `2Gi`."""
    memory_limit: _Memory | None = None
    retries: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    """Further tries after a passing fault."""
    timeout: Annotated[str, Field(pattern=r"^[1-9]\d*[smh]$")] | None = None
    """Of the pod, for the node: `90s`, `20m`, `1h`."""
    own_pod: Annotated[bool, Field(strict=True)] = False
    """Never fused with other tasks, whatever the granularity but `single`."""

    @field_validator("cpu", "memory", "memory_limit")
    @classmethod
    def _is_something(cls, quantity: str | None) -> str | None:
        if quantity is not None and amount(quantity) == 0:
            raise ValueError("must be more than nothing")
        return quantity

    @model_validator(mode="after")
    def _limit_holds_request(self) -> PodConfig:
        if self.memory and self.memory_limit and amount(self.memory_limit) < amount(self.memory):
            raise ValueError(f"memory_limit {self.memory_limit} is less than memory {self.memory}")
        return self

    @property
    def seconds(self) -> int | None:
        """The timeout in seconds."""
        return None if self.timeout is None else int(self.timeout[:-1]) * _SECONDS[self.timeout[-1]]


NO_WISHES = PodConfig()


def amount(quantity: str) -> float:
    """A Kubernetes quantity as a number: cores or bytes.

    Args:
        quantity: As PodConfig takes them.
    """
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", quantity).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the manifest."""

    unique_id: str
    name: str
    kind: str
    """dbt's resource type: model, seed, snapshot, function, test, unit_test or source."""
    fqn: tuple[str, ...]
    package: str
    materialized: str = ""
    """Empty where there is none."""
    parents: tuple[str, ...] = ()
    """unique_ids as `depends_on` has them: sources and ephemeral models too."""
    severity: str = "error"
    """Of a test: error or warn."""
    tested: str = ""
    """Of a test: the name of the node that it is defined on; empty where it is on none."""
    has_freshness: bool = False
    """Whether a source says how old it may be."""
    pod: PodConfig = NO_WISHES

    @property
    def is_test(self) -> bool:
        """Whether it only checks others."""
        return self.kind in _TESTS

    @property
    def is_built(self) -> bool:
        """Whether a relation comes of it: false for tests, sources and ephemeral models."""
        return self.kind in _EXECUTABLE and self.materialized != "ephemeral"

    @property
    def is_costly(self) -> bool:
        """Whether building it moves data: tables, snapshots, and materializations that nobody here knows."""
        return self.is_built and (self.materialized or self.kind) not in _CHEAP


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What `dbt build` runs, and the ephemeral models and sources that this hangs on."""

    project: str
    dbt_version: str
    nodes: Mapping[str, Node]
    """By unique_id."""
    file: Path | None = None
    """Where it was read from."""


class _Head(msgspec.Struct):
    dbt_schema_version: str
    dbt_version: str = ""
    project_name: str | None = None


class _HeadOnly(msgspec.Struct):
    metadata: _Head


class _DependsOn(msgspec.Struct):
    nodes: list[str] = []


class _Config(msgspec.Struct):
    enabled: bool | None = True
    materialized: str | None = None
    severity: str | None = None
    meta: dict[str, Any] | None = None


class _Entry(msgspec.Struct):
    unique_id: str
    name: str
    resource_type: str
    package_name: str
    fqn: list[str] = []
    original_file_path: str = ""
    raw_code: str | None = None
    attached_node: str | None = None
    depends_on: _DependsOn | None = None
    config: _Config | None = None
    meta: dict[str, Any] | None = None
    freshness: dict[str, Any] | None = None


class _File(msgspec.Struct):
    metadata: _Head
    nodes: dict[str, _Entry] = {}
    sources: dict[str, _Entry] = {}
    unit_tests: dict[str, _Entry] = {}
    functions: dict[str, _Entry] = {}


def read_manifest(path: Path) -> Manifest:
    """Reads `target/manifest.json` of a dbt project.

    Raises:
        ConfigError: There is no such file, it is no manifest of schema v12, or a node's `meta.argo` is wrong.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The manifest {path} can't be read: {error.strerror}.", hint="`dbt parse` writes target/manifest.json."
        ) from error
    try:
        version = msgspec.json.decode(text, type=_HeadOnly).metadata.dbt_schema_version
        if version != SCHEMA:
            raise ConfigError(
                f"The manifest {path} is of the schema {version}, not of v12.",
                hint="dbt-core 1.8 to 1.12 write v12: parse the project with one of them.",
            )
        file = msgspec.json.decode(text, type=_File)
    except msgspec.DecodeError as error:  # includes ValidationError
        raise ConfigError(f"{path} is not a manifest of dbt: {error}.") from error
    return Manifest(
        project=file.metadata.project_name or "",
        dbt_version=file.metadata.dbt_version,
        nodes={entry.unique_id: _node(entry) for entry in _entries(file)},
        file=path,
    )


def _entries(file: _File) -> Iterator[_Entry]:
    for entries in (file.nodes, file.sources, file.unit_tests, file.functions):
        for entry in entries.values():
            if entry.resource_type in _KINDS and not (entry.config and entry.config.enabled is False):
                yield entry


def _node(entry: _Entry) -> Node:
    config = entry.config or _Config()
    # dbt runs a model without SQL, such as another project's that is only referred to, no more than an ephemeral one.
    hollow = entry.resource_type == "model" and entry.raw_code is not None and not entry.raw_code.strip()
    parents = tuple(dict.fromkeys(entry.depends_on.nodes)) if entry.depends_on else ()
    return Node(
        unique_id=entry.unique_id,
        name=entry.name,
        kind=entry.resource_type,
        fqn=tuple(entry.fqn),
        package=entry.package_name,
        materialized="ephemeral" if hollow else config.materialized or "",
        parents=parents,
        severity=(config.severity or "error").lower(),
        tested=_tested(entry),
        # A model's freshness has another shape than a source's.
        has_freshness=entry.resource_type == "source" and _has_freshness(entry.freshness or {}),
        pod=_pod(entry, {**(entry.meta or {}), **(config.meta or {})}),
    )


def _tested(entry: _Entry) -> str:
    if entry.resource_type not in _TESTS:
        return ""
    parents = entry.depends_on.nodes if entry.depends_on else []
    tested = entry.attached_node or next(iter(parents), "")
    return tested.split(".")[2] if tested else ""


def _has_freshness(freshness: Mapping[str, Any]) -> bool:
    periods = (freshness.get(age) or {} for age in ("warn_after", "error_after"))
    return any(None not in (period.get("count"), period.get("period")) for period in periods)


def _pod(entry: _Entry, meta: Mapping[str, Any]) -> PodConfig:
    if "argo" not in meta:
        return NO_WISHES
    try:
        return PodConfig.model_validate(meta["argo"])
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(('meta.argo', *map(str, fault['loc'])))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise ConfigError(
            f"{entry.unique_id} ({entry.original_file_path}) asks for a pod that can't be: {wrong}.",
            hint="Allowed are cpu (500m, 2), memory and memory_limit (512Mi, 2Gi), retries (0 to 10), "
            "timeout (90s, 20m, 1h) and own_pod (true, false).",
        ) from error
