"""What is read of dbt's manifest, and what is refused."""

import json

import pytest

from argodbt.errors import ConfigError
from argodbt.manifest import SCHEMA, PodConfig, amount, read_manifest


def entry(kind, name, **more):
    return {
        "unique_id": f"{kind}.shop.{name}",
        "name": name,
        "resource_type": kind,
        "package_name": "shop",
        "fqn": ["shop", name],
        "original_file_path": f"models/{name}.sql",
        "config": {"enabled": True, "materialized": "table", "meta": {}},
        "depends_on": {"macros": [], "nodes": []},
        "raw_code": "select 1",
        "a field of the next version": [{}],
        **more,
    }


@pytest.fixture
def read(tmp_path):
    def read(*nodes, **more):
        path = tmp_path / "manifest.json"
        metadata = {"dbt_schema_version": SCHEMA, "dbt_version": "1.11.0", "project_name": "shop", "new": 1}
        path.write_text(
            json.dumps({"metadata": metadata, "nodes": {node["unique_id"]: node for node in nodes}, "new": {}} | more)
        )
        return read_manifest(path)

    return read


def with_meta(argo):
    return entry("model", "orders", config={"meta": {"argo": argo}})


def test_nodes_have_what_a_graph_needs(read):
    manifest = read(
        entry("model", "orders", depends_on={"nodes": ["seed.shop.countries", "source.shop.raw"]}),
        entry("seed", "countries", config={"materialized": "seed"}, depends_on={"macros": []}, raw_code=""),
        entry("test", "unique_orders", config={"severity": "WARN"}, attached_node="model.shop.orders"),
        sources={"source.shop.raw": entry("source", "raw", config={}, freshness=None)},
        unit_tests={"unit_test.shop.sums": entry("unit_test", "sums", depends_on={"nodes": ["model.shop.orders"]})},
        functions={"function.shop.area": entry("function", "area", config=None)},
    )
    assert (manifest.project, manifest.dbt_version) == ("shop", "1.11.0")
    assert sorted(node.kind for node in manifest.nodes.values()) == [
        "function",
        "model",
        "seed",
        "source",
        "test",
        "unit_test",
    ]
    orders = manifest.nodes["model.shop.orders"]
    assert (orders.name, orders.package, orders.fqn, orders.materialized) == (
        "orders",
        "shop",
        ("shop", "orders"),
        "table",
    )
    assert orders.parents == ("seed.shop.countries", "source.shop.raw")
    assert manifest.nodes["test.shop.unique_orders"].severity == "warn"
    assert manifest.nodes["test.shop.unique_orders"].tested == "orders"
    assert [node.name for node in manifest.nodes.values() if node.is_built] == ["orders", "countries", "area"]
    assert [node.name for node in manifest.nodes.values() if node.is_costly] == ["orders"]
    assert [node.name for node in manifest.nodes.values() if node.is_test] == ["unique_orders", "sums"]


def test_what_dbt_build_does_not_run_is_left_out(read):
    manifest = read(
        entry("model", "off", config={"enabled": False}),
        entry("analysis", "idea"),
        entry("operation", "hook"),
        exposures={"exposure.shop.page": entry("exposure", "page")},
    )
    assert not manifest.nodes


@pytest.mark.parametrize(
    "more", [{"config": {"materialized": "ephemeral"}}, {"raw_code": ""}, {"raw_code": "\n", "config": None}]
)
def test_ephemeral_models_and_those_without_sql_are_not_built(read, more):
    (node,) = read(entry("model", "orders", **more)).nodes.values()
    assert not node.is_built


@pytest.mark.parametrize(
    ("freshness", "expected"),
    [
        (None, False),
        ({"warn_after": {"count": None, "period": None}, "error_after": None}, False),
        ({"warn_after": {"count": 1, "period": "day"}, "filter": "x > 1"}, True),
        ({"warn_after": {"count": None, "period": None}, "error_after": {"count": 0, "period": "hour"}}, True),
    ],
)
def test_a_source_is_checked_where_it_says_how_old_it_may_be(read, freshness, expected):
    manifest = read(sources={"source.shop.raw": entry("source", "raw", freshness=freshness)})
    assert manifest.nodes["source.shop.raw"].has_freshness is expected


def test_the_freshness_of_a_model_is_no_gate(read):
    (node,) = read(entry("model", "orders", freshness={"build_after": {"count": 1, "period": "hour"}})).nodes.values()
    assert not node.has_freshness


@pytest.mark.parametrize("where", ["config", "node"])
def test_a_pod_is_read_from_meta_argo(read, where):
    meta = {"owner": "me", "argo": {"cpu": 2, "memory": "512Mi", "retries": 3, "timeout": "20m", "own_pod": True}}
    node = entry("model", "orders", config={"meta": meta}) if where == "config" else entry("model", "orders", meta=meta)
    (read_node,) = read(node).nodes.values()
    assert read_node.pod == PodConfig(cpu="2", memory="512Mi", retries=3, timeout="20m", own_pod=True)
    assert read_node.pod.seconds == 1200


@pytest.mark.parametrize(
    ("argo", "key"),
    [
        ({"cpus": "1"}, r"meta\.argo\.cpus"),
        ({"cpu": "1 core"}, r"meta\.argo\.cpu"),
        ({"cpu": "0m"}, r"meta\.argo\.cpu: .*more than nothing"),
        ({"memory": 512}, r"meta\.argo\.memory"),
        ({"memory_limit": "1gb"}, r"meta\.argo\.memory_limit"),
        ({"memory": "2Gi", "memory_limit": "2G"}, r"memory_limit 2G is less than memory 2Gi"),
        ({"retries": 11}, r"meta\.argo\.retries"),
        ({"retries": True}, r"meta\.argo\.retries"),
        ({"timeout": "20"}, r"meta\.argo\.timeout"),
        ({"timeout": "0s"}, r"meta\.argo\.timeout"),
        ({"own_pod": "yes"}, r"meta\.argo\.own_pod"),
        ("big", r"meta\.argo"),
        (None, r"meta\.argo"),
    ],
)
def test_a_pod_that_cannot_be_is_refused_by_node_file_and_key(read, argo, key):
    with pytest.raises(ConfigError, match=rf"(?s)model\.shop\.orders \(models/orders\.sql\).*{key}.*Allowed are cpu"):
        read(with_meta(argo))


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("250m", 0.25), ("2", 2), ("0.5", 0.5), ("1k", 1e3), ("1Ki", 1024), ("1.5Gi", 1.5 * 2**30)],
)
def test_quantities_are_those_of_kubernetes(quantity, expected):
    assert amount(quantity) == expected


def test_a_missing_manifest_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="dbt parse"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"metadata": {}}', '{"metadata": {"dbt_schema_version": 12}}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not a manifest of dbt"):
        read_manifest(path)


def test_another_schema_is_refused_by_what_writes_ours(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"metadata": {"dbt_schema_version": SCHEMA.replace("v12", "v11")}, "nodes": []}))
    with pytest.raises(ConfigError, match=r"v11\.json, not of v12.*dbt-core 1\.8"):
        read_manifest(path)
