"""What directed acyclic graphs need: an order, who comes before whom, and the fewest edges that say so.

A graph is a mapping from each node to those that it waits for; every one of them must be a key too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from argodbt.errors import ConfigError

Edges = Mapping[str, Collection[str]]


def in_order(after: Edges) -> list[str]:
    """The nodes, each behind all that it waits for: the same list for the same graph, however it was put together.

    Raises:
        ConfigError: The graph has a cycle.
    """
    sorter = TopologicalSorter(after)
    try:
        sorter.prepare()
    except CycleError as error:
        raise ConfigError(f"The graph has a cycle: {' -> '.join(error.args[1])}.") from error
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


class Ancestry:
    """Who comes before whom, as sets of bits: the closure of thousands of nodes takes a megabyte.

    Args:
        after: The graph.

    Raises:
        ConfigError: The graph has a cycle.
    """

    def __init__(self, after: Edges) -> None:
        self.order = in_order(after)
        self._bit = {node: 1 << position for position, node in enumerate(self.order)}
        self._before: dict[str, int] = {}
        for node in self.order:
            self._before[node] = self.set_of(after[node]) | self._before_any(after[node])

    def set_of(self, nodes: Iterable[str]) -> int:
        """The nodes as a set of bits."""
        bits = 0
        for node in nodes:
            bits |= self._bit[node]
        return bits

    def before(self, node: str) -> int:
        """All that come before a node, as a set of bits."""
        return self._before[node]

    def are_before(self, nodes: Iterable[str], node: str) -> bool:
        """Whether all of them come before the node."""
        return self.set_of(nodes) & ~self._before[node] == 0

    def nearest(self, nodes: Collection[str]) -> list[str]:
        """Those of the nodes that come before none of the others, sorted."""
        behind = self._before_any(nodes)
        return sorted(node for node in nodes if not self._bit[node] & behind)

    def _before_any(self, nodes: Iterable[str]) -> int:
        bits = 0
        for node in nodes:
            bits |= self._before[node]
        return bits
