"""Decides which tasks share a pod: as few pods as keep the parallelism.

Three rules, until none finds anything:

- A costly task moves into the pod of the only one that hangs on it, if that waits for no other costly one.
- A cheap task moves into the pod of the only one that hangs on it.
- Cheap tasks that wait for the same costly ones share a pod: that of the last of these, if one is the last.

All keep two promises: costly tasks in one pod waited for each other before, and no costly task waits for one that it
did not wait for before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from argodbt.dag import Ancestry, Edges, in_order


def fuse(after: Edges, *, costly: Collection[str], apart: Collection[str]) -> list[list[str]]:
    """Groups of tasks that share a pod, and the tasks of a group, each behind what it waits for.

    Args:
        after: For each task those that it waits for.
        costly: Tasks that are worth a pod of their own when they can run beside each other.
        apart: Tasks that share with none.

    Raises:
        ConfigError: The graph has a cycle.
    """
    order = in_order(after)
    pod_of = {task: task for task in order}
    while True:
        pods = _Pods(after, pod_of, costly=costly, apart=apart)
        moved = pods.costly_chains() or pods.cheap_chains() or pods.cheap()
        if not moved:
            break
        pod_of = {task: moved.get(pod, pod) for task, pod in pod_of.items()}
    shared: dict[str, list[str]] = {pod: [] for pod in in_order(pods.after)}
    for task in order:
        shared[pod_of[task]].append(task)
    return list(shared.values())


class _Pods:
    """The graph of pods, each called after one of its tasks."""

    def __init__(
        self, after: Edges, pod_of: Mapping[str, str], *, costly: Collection[str], apart: Collection[str]
    ) -> None:
        self.after: dict[str, set[str]] = {pod: set() for pod in pod_of.values()}
        for task, others in after.items():
            self.after[pod_of[task]] |= {pod_of[other] for other in others} - {pod_of[task]}
        self._apart = {pod_of[task] for task in apart}
        # A task that stands apart counts as costly: it has a pod that others would wait for.
        self._costly = {pod_of[task] for task in costly} | self._apart
        self._ancestry = Ancestry(self.after)
        all_costly = self._ancestry.set_of(self._costly)
        self._start = {pod: self._ancestry.before(pod) & all_costly for pod in self.after}
        """The costly pods that are done when a pod starts, as a set of bits."""
        self._end = {pod: start | self._ancestry.set_of({pod} & self._costly) for pod, start in self._start.items()}

    def costly_chains(self) -> dict[str, str]:
        """Costly pods that can move into the only pod that hangs on them, as that waits for no other costly one.

        No cheap pod may move at the same time: it could be that child, and move on to where it waits for more.
        """
        return self._into_child(lambda pod, child: pod in self._costly and self._start[child] == self._end[pod])

    def cheap_chains(self) -> dict[str, str]:
        """Cheap pods that can move into the only pod that hangs on them; that one starts no later for it."""
        return self._into_child(lambda pod, _: pod not in self._costly)

    def _into_child(self, may: Callable[[str, str], bool]) -> dict[str, str]:
        children: dict[str, list[str]] = {pod: [] for pod in self.after}
        for pod, others in self.after.items():
            for other in self._ancestry.nearest(others):
                children[other].append(pod)
        moved: dict[str, str] = {}
        for pod in reversed(self._ancestry.order):
            match children[pod]:
                case [child] if not {pod, child} & self._apart and may(pod, child):
                    moved[pod] = moved.get(child, child)
        return moved

    def cheap(self) -> dict[str, str]:
        """Cheap pods that can move to others that start when they do, or into the pod at whose end they start."""
        # Two costly pods never end alike: each would have to wait for the other.
        home = {self._end[pod]: pod for pod in self._costly - self._apart}
        moved: dict[str, str] = {}
        for pod in self._ancestry.order:
            if pod not in self._costly and (target := home.setdefault(self._start[pod], pod)) != pod:
                moved[pod] = target
        return moved
