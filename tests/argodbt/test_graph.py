"""The graph of tasks: what holds for every project, and what a reader expects of small ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.argodbt.random_projects import ancestors, manifests

from argodbt.errors import ConfigError
from argodbt.graph import Granularity, graph_of
from argodbt.manifest import Manifest, Node, PodConfig, amount

granularities = st.sampled_from(Granularity)


def node(kind, name, *parents, materialized="", **more):
    names = {"model": "table", "seed": "seed", "snapshot": "snapshot"}
    return Node(
        unique_id=f"{kind}.shop.{name}",
        name=name.split(".")[-1],
        kind=kind,
        fqn=("shop", name),
        package="shop",
        materialized=materialized or names.get(kind, ""),
        parents=tuple(f"{'model.shop.' * ('.' not in parent)}{parent}" for parent in parents),
        **more,
    )


def project(*nodes):
    return Manifest(project="shop", dbt_version="1.11.0", nodes={node.unique_id: node for node in nodes})


def edges(graph):
    return {task.name: task.after for task in graph.tasks}


def tasks(graph):
    """What each task runs, by short names."""
    return {task.name: [key.split(".", 2)[2] for key in task.nodes] for task in graph.tasks}


@given(manifests(), granularities)
def test_every_node_runs_in_one_task_and_ephemerals_in_none(manifest, granularity):
    ran = [key for task in graph_of(manifest, granularity).tasks for key in task.nodes]
    assert len(ran) == len(set(ran))
    tested = {node.parents[0] for node in manifest.nodes.values() if node.is_test and len(node.parents) == 1}
    for key, node in manifest.nodes.items():
        expected = node.is_built or node.is_test
        if node.kind == "source":
            expected = node.has_freshness or key in tested
        assert (key in ran) == expected


@given(manifests(), granularities)
def test_tasks_stand_behind_those_they_wait_for(manifest, granularity):
    seen = set()
    for task in graph_of(manifest, granularity).tasks:
        assert list(task.after) == sorted(set(task.after))
        assert seen.issuperset(task.after)
        seen.add(task.name)


@given(manifests(), granularities)
def test_a_node_runs_after_all_that_it_depends_on(manifest, granularity):
    graph = graph_of(manifest, granularity)
    before = ancestors(edges(graph))
    depends = ancestors({key: node.parents for key, node in manifest.nodes.items()})
    for key, name in graph.of_node.items():
        for other in depends[key] & graph.of_node.keys():
            assert graph.of_node[other] in before[name] | {name}


@given(manifests(), granularities)
def test_a_node_waits_for_the_tests_of_its_ancestors_as_in_dbt_build(manifest, granularity):
    graph = graph_of(manifest, granularity)
    before = ancestors(edges(graph))
    depends = ancestors({key: node.parents for key, node in manifest.nodes.items()})
    built = [key for key, node in manifest.nodes.items() if node.is_built]
    for test in [node for node in manifest.nodes.values() if node.is_test and node.parents]:
        for key in built:
            if depends[key].issuperset(test.parents):
                assert graph.of_node[test.unique_id] in before[graph.of_node[key]] | {graph.of_node[key]}


@given(manifests())
def test_a_node_waits_for_no_other_node_than_those_it_depends_on(manifest):
    graph = graph_of(manifest, Granularity.MODEL)
    before = ancestors(edges(graph))
    depends = ancestors({key: node.parents for key, node in manifest.nodes.items()})
    built = {key for key, node in manifest.nodes.items() if node.is_built}
    for key in built:
        waited = {other for other in built if graph.of_node[other] in before[graph.of_node[key]]}
        assert waited == depends[key] & built


@given(manifests(), granularities)
def test_names_are_dns_labels_and_none_comes_twice(manifest, granularity):
    names = [task.name for task in graph_of(manifest, granularity).tasks]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?", name) for name in names)


@given(manifests(), granularities, st.randoms(use_true_random=False))
def test_the_order_in_the_manifest_does_not_matter(manifest, granularity, chance):
    shuffled = list(manifest.nodes.items())
    chance.shuffle(shuffled)
    other = Manifest(project=manifest.project, dbt_version="", nodes=dict(shuffled))
    assert graph_of(other, granularity) == graph_of(manifest, granularity)


@given(manifests(), granularities)
def test_reduced_says_the_same_with_no_edge_too_many(manifest, granularity):
    graph = graph_of(manifest, granularity)
    reduced = graph.reduced()
    before = ancestors(edges(graph))
    assert ancestors(edges(reduced)) == before
    for task in reduced.tasks:
        assert not any(other in before[another] for other in task.after for another in task.after)


def test_tests_stand_with_their_model_and_joint_tests_where_all_is_there():
    graph = graph_of(
        project(
            node("seed", "countries"),
            node("model", "customers", "seed.shop.countries"),
            node("model", "products"),
            node("model", "orders", "customers", "products"),
            node("model", "report", "orders"),
            node("test", "customers_have_a_key", "customers"),
            node("test", "customers_have_a_country", "customers", "seed.shop.countries"),
            node("test", "customers_and_products", "customers", "products"),
            node("test", "products_and_customers", "products", "customers"),
            node("unit_test", "orders.sums", "orders"),
            node("test", "nothing"),
        ),
        Granularity.MODEL,
    )
    assert tasks(graph) == {
        "countries": ["countries"],
        "products": ["products"],
        "tests": ["nothing"],
        "customers": ["customers", "customers_have_a_country", "customers_have_a_key"],
        "tests-customers-products": ["customers_and_products", "products_and_customers"],
        "orders": ["orders", "orders.sums"],
        "report": ["report"],
    }
    assert edges(graph)["products"] == edges(graph)["tests"] == ()
    assert edges(graph)["tests-customers-products"] == ("customers", "products")
    assert edges(graph)["orders"] == ("customers", "products", "tests-customers-products")
    assert edges(graph)["report"] == ("orders",)
    assert edges(graph.reduced())["orders"] == ("tests-customers-products",)


def test_what_an_ephemeral_model_reads_stands_in_for_it():
    graph = graph_of(
        project(
            node("model", "customers"),
            node("model", "products"),
            node("model", "joined", "customers", "products", materialized="ephemeral"),
            node("model", "joined_again", "joined", materialized="ephemeral"),
            node("model", "report", "joined_again"),
            node("test", "joined_is_right", "joined"),
        ),
        Granularity.MODEL,
    )
    assert edges(graph) == {
        "customers": (),
        "products": (),
        "tests-joined": ("customers", "products"),
        "report": ("customers", "products", "tests-joined"),
    }


def test_a_source_is_a_gate_where_something_is_to_be_checked():
    fresh, tested, plain = "source.shop.raw.fresh", "source.shop.raw.tested", "source.shop.raw.plain"
    graph = graph_of(
        project(
            node("source", "raw.fresh", has_freshness=True),
            node("source", "raw.tested"),
            node("source", "raw.plain"),
            node("test", "tested_has_rows", tested),
            node("test", "orders_are_as_many_as_raw_ones", plain, "orders"),
            node("test", "sources_agree", fresh, plain),
            node("model", "staged", tested, materialized="ephemeral"),
            node("model", "orders", "staged", fresh, plain),
        ),
        Granularity.MODEL,
    )
    assert tasks(graph) == {
        "source-raw-fresh": ["raw.fresh", "sources_agree"],
        "source-raw-tested": ["raw.tested", "tested_has_rows"],
        "orders": ["orders", "orders_are_as_many_as_raw_ones"],
    }
    assert edges(graph)["orders"] == ("source-raw-fresh", "source-raw-tested")


def test_versions_and_packages_of_one_name_are_told_apart():
    graph = graph_of(
        project(node("model", "orders.v1"), node("model", "orders.v2"), node("seed", "Order_Items")), Granularity.MODEL
    )
    assert [task.name for task in graph.tasks] == ["order-items", "orders-v1", "orders-v2"]


def test_a_pod_is_enough_for_each_of_its_nodes():
    graph = graph_of(
        project(
            node("model", "first", pod=PodConfig(cpu="900m", memory="1Gi", retries=0, timeout="1m")),
            node("model", "second", "first", pod=PodConfig(cpu="1", memory="900Mi", memory_limit="2Gi", timeout="90s")),
            node("model", "third", "second", materialized="view", pod=PodConfig(retries=3)),
        ),
        Granularity.SINGLE,
    )
    assert graph.tasks[0].pod == PodConfig(cpu="1", memory="1Gi", memory_limit="2Gi", retries=3, timeout="150s")


@given(manifests(), granularities)
def test_a_task_gets_as_much_as_the_greediest_of_its_nodes_asks_for(manifest, granularity):
    for task in graph_of(manifest, granularity).tasks:
        for asked in [manifest.nodes[key].pod for key in task.nodes]:
            for given_, wished in zip(_quantities(task.pod), _quantities(asked), strict=True):
                assert given_ >= wished


def _quantities(pod):
    return [amount(quantity or "0") for quantity in (pod.cpu, pod.memory, pod.memory_limit, str(pod.retries or 0))]


def test_a_node_without_a_timeout_is_not_cut_off_by_those_of_others():
    limited, free = node("model", "limited", pod=PodConfig(timeout="1m")), node("model", "free", "limited")
    assert graph_of(project(limited, free), Granularity.SINGLE).tasks[0].pod.timeout is None


def test_a_project_without_nodes_has_no_tasks():
    for granularity in Granularity:
        assert graph_of(project(), granularity).tasks == ()


def test_the_digest_changes_with_a_node_and_with_an_edge():
    one, two = node("model", "one"), node("model", "two")
    graphs = [project(one, two), project(one, node("model", "two", "one")), project(one, two, node("test", "t", "two"))]
    assert len({graph_of(graph, Granularity.MODEL).digest for graph in graphs}) == 3


def test_a_cycle_is_refused_by_its_nodes():
    with pytest.raises(ConfigError, match=r"cycle: .*model\.shop\.one"):
        graph_of(project(node("model", "one", "two"), node("model", "two", "one")), Granularity.MODEL)
