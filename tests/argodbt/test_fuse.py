"""Which tasks share a pod."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from tests.argodbt.random_projects import ancestors, manifests

from argodbt.fuse import fuse
from argodbt.graph import Granularity, graph_of


@st.composite
def graphs(draw):
    """A graph of tasks, those that are costly, and those that stand apart."""
    after = {}
    for number in range(draw(st.integers(0, 14))):
        after[f"t{number:02}"] = draw(st.sets(st.sampled_from(sorted(after)), max_size=3)) if after else set()
    some = st.sets(st.sampled_from(sorted(after))) if after else st.just(set())
    few = st.sets(st.sampled_from(sorted(after)), max_size=2) if after else st.just(set())
    return after, draw(some), draw(few)


def pods_of(after, costly, apart=()):
    return {frozenset(pod) for pod in fuse(after, costly=costly, apart=apart)}


def between(after, pods):
    """The pods' names and edges, a pod called after its first task."""
    pod_of = {task: pod[0] for pod in pods for task in pod}
    return pod_of, {pod[0]: tuple({pod_of[other] for task in pod for other in after[task]} - {pod[0]}) for pod in pods}


@given(graphs())
def test_pods_hold_each_task_once_in_an_order_that_runs(graph):
    after, costly, apart = graph
    done = set()
    for pod in fuse(after, costly=costly, apart=apart):
        assert pod
        for task in pod:
            assert task not in done
            assert done.issuperset(after[task])
            done.add(task)
    assert done == after.keys()


@given(graphs())
@example(({"one": set(), "two": set(), "view": {"one"}, "views": {"two", "view"}}, {"one", "two"}, set()))
def test_costly_tasks_share_a_pod_only_where_one_waits_for_the_other(graph):
    after, costly, apart = graph
    before = ancestors(after)
    for pod in fuse(after, costly=costly, apart=apart):
        inside = [task for task in pod if task in costly]
        assert all(one in before[other] for one, other in pairwise(inside))


@given(graphs())
def test_no_costly_task_waits_for_one_that_it_did_not_wait_for(graph):
    after, costly, apart = graph
    before = ancestors(after)
    pods = fuse(after, costly=costly, apart=apart)
    pod_of, edges = between(after, pods)
    pods_before = ancestors(edges)
    for task in costly:
        waits_for = {other for other in costly if pod_of[other] in pods_before[pod_of[task]]}
        assert waits_for <= before[task]


@given(graphs())
def test_a_task_that_stands_apart_has_its_pod_alone(graph):
    after, costly, apart = graph
    assert pods_of(after, costly, apart) >= {frozenset({task}) for task in apart}


@given(graphs())
def test_a_chain_is_one_pod_whatever_it_costs(graph):
    after, costly, apart = graph
    before = ancestors(after)
    near = {task: {o for o in after[task] if not any(o in before[other] for other in after[task])} for task in after}
    pod_of, _ = between(after, fuse(after, costly=costly, apart=apart))
    for task, others in near.items():
        for other in others:
            children = [child for child in near if other in near[child]]
            if others == {other} and children == [task] and not {task, other} & apart:
                assert pod_of[task] == pod_of[other]


@given(graphs())
def test_cheap_pods_that_wait_for_the_same_costly_tasks_are_one(graph):
    after, costly, _ = graph
    pods = fuse(after, costly=costly, apart=())
    pod_of, edges = between(after, pods)
    before = ancestors(edges)
    cheap = [pod[0] for pod in pods if not costly.intersection(pod)]
    assert len({frozenset(t for t in costly if pod_of[t] in before[pod]) for pod in cheap}) == len(cheap)


@given(manifests())
def test_a_node_that_asks_for_a_pod_of_its_own_keeps_it_in_layers(manifest):
    graph, models = graph_of(manifest, Granularity.LAYER), graph_of(manifest, Granularity.MODEL)
    for task in models.tasks:
        if task.pod.own_pod:
            assert graph.of_node[task.nodes[0]] == task.name
            assert next(t for t in graph.tasks if t.name == task.name).nodes == task.nodes


def test_staging_views_share_a_pod_and_tables_beside_each_other_do_not():
    after = {
        "seed": set(),
        "view_a": {"seed"},
        "view_b": {"seed"},
        "table_a": {"view_a", "view_b"},
        "table_b": {"view_a", "view_b"},
        "mart": {"table_a", "table_b"},
        "mart_view": {"mart"},
        "tests": {"table_a", "table_b"},
        "more_tests": {"table_a", "table_b"},
    }
    assert pods_of(after, {"table_a", "table_b", "mart"}) == {
        frozenset({"seed", "view_a", "view_b"}),
        frozenset({"table_a"}),
        frozenset({"table_b"}),
        frozenset({"mart", "mart_view"}),
        frozenset({"tests", "more_tests"}),
    }


def test_views_around_a_table_move_into_its_pod():
    after = {"view": set(), "table": {"view"}, "left": {"table"}, "right": {"table"}, "next": {"left", "right"}}
    assert pods_of(after, {"table", "next"}) == {frozenset(after)}


def test_tables_that_a_view_and_a_table_wait_for_keep_their_pods():
    after = {"one": set(), "two": set(), "view": {"one", "two"}, "of_one": {"one"}}
    assert pods_of(after, {"one", "two", "of_one"}) == {frozenset({task}) for task in after}
