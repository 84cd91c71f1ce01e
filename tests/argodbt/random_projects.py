"""dbt projects that nobody would write: every kind of node, any dependencies, tests of anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hypothesis import strategies as st

from argodbt.manifest import Manifest, Node, PodConfig

_MATERIALIZED = {
    "model": ("table", "view", "ephemeral", "incremental", "something_of_their_own"),
    "snapshot": ("snapshot",),
    "seed": ("seed",),
    "source": ("",),
    "function": ("function",),
}
# Names that collide once they are DNS labels, and some that are none at all.
_NAMES = st.sampled_from(["orders", "Orders", "or_ders", "or.ders", "or-ders-0a1b2c3d", "7days", "_", "ö", "x" * 60])
_PODS = st.sampled_from(
    [
        *[PodConfig()] * 6,
        PodConfig(own_pod=True),
        PodConfig(memory="2Gi", timeout="1m"),
        PodConfig(memory="1Gi", memory_limit="1500Mi", cpu="1"),
        PodConfig(memory_limit="1G", cpu="900m", retries=0, timeout="1h"),
    ]
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A project of up to twelve nodes and eight tests."""
    nodes: dict[str, Node] = {}
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["model", "model", "model", "snapshot", "seed", "source", "function"]))
        parents = [key for key, node in nodes.items() if node.kind != "function" or kind == "model"]
        reads = st.sets(st.sampled_from(sorted(parents)), max_size=3) if parents else st.just(set())
        key = f"{kind}.package_{number}.{draw(_NAMES)}"
        nodes[key] = Node(
            unique_id=key,
            name=key.split(".", 2)[2],
            kind=kind,
            fqn=(),
            package=key.split(".")[1],
            materialized=draw(st.sampled_from(_MATERIALIZED[kind])),
            parents=tuple(draw(reads)) if kind not in ("seed", "source") else (),
            has_freshness=kind == "source" and draw(st.booleans()),
            pod=draw(_PODS),
        )
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["test", "test", "test", "unit_test"]))
        testable = sorted(key for key, node in nodes.items() if node.kind == "model" or kind == "test")
        testable = [key for key in testable if not nodes[key].is_test]
        if kind == "unit_test" and not testable:
            continue
        size = {"min_size": 1, "max_size": 1} if kind == "unit_test" else {"max_size": 3}
        key = f"{kind}.package.test_{number}"
        nodes[key] = Node(
            unique_id=key,
            name=f"test_{number}",
            kind=kind,
            fqn=(),
            package="package",
            parents=tuple(draw(st.sets(st.sampled_from(testable), **size))) if testable else (),
        )
    return Manifest(project="random", dbt_version="", nodes=nodes)


def ancestors(parents: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """All that come before each node."""
    found: dict[str, set[str]] = {}

    def of(node: str) -> set[str]:
        if node not in found:
            found[node] = set(parents[node]).union(*(of(parent) for parent in parents[node]))
        return found[node]

    for node in parents:
        of(node)
    return found
