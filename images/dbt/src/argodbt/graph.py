"""From dbt's manifest to a graph of tasks, each of them a pod.

The graph keeps the order of `dbt build`: a node runs after its parents, and after every test all of whose parents
are among the node's ancestors. Source freshness, which `dbt build` leaves out, is a gate: what reads a source waits
until it was found fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from argodbt.dag import Ancestry, in_order
from argodbt.fuse import fuse
from argodbt.manifest import Manifest, Node, PodConfig, amount
from argodbt.task_names import task_names


class Granularity(StrEnum):
    """How much of the project a task runs."""

    MODEL = "model"
    """A model, seed or snapshot with its tests."""
    LAYER = "layer"
    """What costs a pod's start more than it gains shares a pod."""
    SINGLE = "single"
    """The whole project."""
    WARM = "warm"
    """As MODEL, and a task runs without a pod of its own."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one pod runs."""

    name: str
    """A DNS label of at most 50 characters that begins with a letter."""
    nodes: tuple[str, ...]
    """unique_ids of models, seeds, snapshots and functions, their tests and unit tests, and sources to be checked."""
    after: tuple[str, ...]
    """Names of the tasks that it waits for, sorted."""
    pod: PodConfig


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The tasks of a project."""

    granularity: Granularity
    project: str
    tasks: tuple[Task, ...]
    """Each behind all that it waits for."""

    @cached_property
    def of_node(self) -> Mapping[str, str]:
        """The name of the task that runs a node, by unique_id."""
        return {unique_id: task.name for task in self.tasks for unique_id in task.nodes}

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with a task's name, its nodes or its edges."""
        text = "\n".join(repr((task.name, sorted(task.nodes), task.after)) for task in self.tasks)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def reduced(self) -> Graph:
        """The same graph without the edges that follow from others."""
        ancestry = Ancestry({task.name: task.after for task in self.tasks})
        tasks = (replace(task, after=tuple(ancestry.nearest(task.after))) for task in self.tasks)
        return replace(self, tasks=tuple(tasks))


def graph_of(manifest: Manifest, granularity: Granularity) -> Graph:
    """The graph of tasks of a dbt project; without tasks where the project has nothing to run.

    Raises:
        ConfigError: The manifest has a cycle.
    """
    tasks = _one_a_model(manifest)
    if granularity is Granularity.LAYER:
        tasks = _fused(tasks, manifest)
    elif granularity is Granularity.SINGLE and tasks:
        (name,) = task_names({manifest.project: manifest.project}).values()
        tasks = [_joined(name, tasks, manifest, after=())]
    return Graph(granularity=granularity, project=manifest.project, tasks=tuple(tasks))


def _one_a_model(manifest: Manifest) -> list[Task]:
    nodes = manifest.nodes
    parents = {key: [parent for parent in node.parents if parent in nodes] for key, node in nodes.items()}
    tests = sorted(key for key, node in nodes.items() if node.is_test)
    lineage = Ancestry({key: parents[key] for key, node in nodes.items() if not node.is_test})
    gates = {key for key, node in nodes.items() if node.kind == "source" and node.has_freshness}
    gates |= {parents[test][0] for test in tests if [nodes[key].kind for key in parents[test]] == ["source"]}

    # Which tasks a node waits for when it reads another: an ephemeral model hands on what it reads itself.
    behind: dict[str, set[str]] = {}
    for key in lineage.order:
        has_task = nodes[key].is_built or key in gates
        behind[key] = {key} if has_task else _union(behind[parent] for parent in parents[key])

    # A task's key is its node's unique_id or, of tests with a task of their own, all of their parents'.
    runs = {key: [key] for key in lineage.order if behind[key] == {key}}
    after = {key: _union(behind[parent] for parent in parents[key]) for key in runs}
    names = {key: _name(nodes[key]) for key in runs}
    joint: dict[str, list[str]] = {}
    for test in tests:
        tested = _union(behind[parent] for parent in parents[test])
        # All that the test needs is there once the last of them is, if one comes behind all the others.
        last = next((last for last in sorted(tested) if lineage.are_before(tested - {last}, last)), None)
        key = last or " ".join(("tests", *sorted(parents[test])))
        if key not in runs:
            runs[key], after[key], joint[key] = [], tested, parents[test]
            names[key] = "-".join(("tests", *(nodes[parent].name for parent in sorted(parents[test]))))
        runs[key].append(test)
    _gate(after, joint, lineage)

    name_of = task_names(names)
    order = in_order({name_of[key]: [name_of[other] for other in after[key]] for key in runs})
    key_of = {name: key for key, name in name_of.items()}
    return [
        Task(
            name=name,
            nodes=tuple(runs[key_of[name]]),
            after=tuple(sorted(name_of[other] for other in after[key_of[name]])),
            pod=_pod([nodes[key] for key in runs[key_of[name]]]),
        )
        for name in order
    ]


def _gate(after: dict[str, set[str]], joint: Mapping[str, Collection[str]], lineage: Ancestry) -> None:
    """Lets a node wait for the tests of several nodes when all of these are among its ancestors, as `dbt build` does.

    No cycle can come of it: the tests wait only for what the node waits for already. Whoever comes behind the node
    waits with it, so an edge to the first nodes in each line is enough.
    """
    gated: dict[str, set[str]] = {}
    for key in lineage.order:
        if key in after:
            passed = _union(gated[other] for other in after[key])
            gated[key] = {tests for tests, parents in joint.items() if parents and lineage.are_before(parents, key)}
            after[key] |= gated[key] - passed


def _fused(tasks: list[Task], manifest: Manifest) -> list[Task]:
    by_name = {task.name: task for task in tasks}
    costly = {task.name for task in tasks if any(manifest.nodes[key].is_costly for key in task.nodes)}
    built = {task.name for task in tasks if any(manifest.nodes[key].is_built for key in task.nodes)}
    apart = {task.name for task in tasks if task.pod.own_pod}
    pods = fuse({task.name: task.after for task in tasks}, costly=costly, apart=apart)
    # The last task that matters most gives the name: to someone who looks for a table, not for its tests.
    names = [max(reversed(pod), key=lambda name: (name in costly, name in built)) for pod in pods]
    pod_of = {task: name for name, pod in zip(names, pods, strict=True) for task in pod}
    return [
        _joined(
            name,
            [by_name[task] for task in pod],
            manifest,
            after={pod_of[other] for task in pod for other in by_name[task].after} - {name},
        )
        for name, pod in zip(names, pods, strict=True)
    ]


def _joined(name: str, tasks: Iterable[Task], manifest: Manifest, *, after: Iterable[str]) -> Task:
    nodes = tuple(key for task in tasks for key in task.nodes)
    return Task(name=name, nodes=nodes, after=tuple(sorted(after)), pod=_pod([manifest.nodes[key] for key in nodes]))


def _pod(nodes: Collection[Node]) -> PodConfig:
    """The pod that is enough for each of the nodes; they may take as long as they may one after the other."""
    pods = [node.pod for node in nodes]
    unlimited = any(node.is_costly and node.pod.seconds is None for node in nodes)
    seconds = 0 if unlimited else sum(pod.seconds or 0 for pod in pods)
    memory = max((pod.memory for pod in pods if pod.memory), key=amount, default=None)
    limits = [pod.memory_limit for pod in pods if pod.memory_limit]
    return PodConfig(
        cpu=max((pod.cpu for pod in pods if pod.cpu), key=amount, default=None),
        memory=memory,
        # One node's limit may be less than what another asks for.
        memory_limit=max([*limits, memory or limits[0]], key=amount) if limits else None,
        retries=max((pod.retries for pod in pods if pod.retries is not None), default=None),
        timeout=f"{seconds}s" if seconds else None,
        own_pod=any(pod.own_pod for pod in pods),
    )


def _name(node: Node) -> str:
    # After the package a unique_id has the name, and a source's name before or a model's version behind it.
    parts = node.unique_id.split(".")[2:]
    return "-".join(("source", *parts) if node.kind == "source" else parts)


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)
