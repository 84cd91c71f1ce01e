"""The dbt project as Argo's DAG: whole, failing, and gone on with."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import psycopg
import pytest
from kubernetes import client
from tests.e2e.conftest import forwarded
from tests.e2e.platform import NAMESPACE, Platform, Workflow
from tests.e2e.test_pipeline_in_cluster import gold, message

from stocks.warehouse import Warehouse

UNDONE = "1+result:fail+ 1+result:error+ result:skipped+"
BREAK = "update silver.price_bar set high = low - 1 where symbol = 'FB' and price_date = '2012-06-01'"
MEND = "update silver.price_bar set high = %s where symbol = 'FB' and price_date = '2012-06-01'"


@pytest.fixture
def wrong_bar(platform: Platform, reader: Warehouse) -> Iterator[psycopg.Connection[tuple[float]]]:
    """A bar of silver that breaks a rule, until the test mends it or ends."""
    secret = client.CoreV1Api().read_namespaced_secret("warehouse-owner", NAMESPACE)
    with (
        forwarded(base64.b64decode(secret.data["STOCKS_WAREHOUSE_URL"]).decode()) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        was = connection.execute(
            "select high from silver.price_bar where symbol = 'FB' and price_date = '2012-06-01'"
        ).fetchone()
        assert was is not None, "the sample is not in silver: the tests of the pipeline bring it there"
        connection.execute(BREAK)
        try:
            yield connection
        finally:
            connection.execute(MEND, was)


def phases(workflow: Workflow) -> dict[str, str]:
    """How each task of the DAG ended."""
    return {
        node["displayName"]: node["phase"]
        for node in workflow["status"]["nodes"].values()
        if node["type"] in ("Retry", "Skipped", "DAG")
    }


def test_layers_give_the_same_gold(platform: Platform, reader: Warehouse) -> None:
    before = gold(reader)
    workflow = platform.run("stocks-gold", granularity="layer", full_refresh="true")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert gold(reader) == before
    assert phases(workflow)["fact-adjusted-prices"] == "Succeeded"


def test_failed_model_leaves_out_what_hangs_on_it_alone_and_is_gone_on_with(
    platform: Platform, reader: Warehouse, wrong_bar: psycopg.Connection[tuple[float]]
) -> None:
    before = gold(reader)
    failed = platform.run("stocks-gold", granularity="model", full_refresh="true")
    assert failed["status"]["phase"] == "Failed"
    ended = phases(failed)
    assert ended["fact-adjusted-prices"] == "Failed"
    assert ended["mart-stock-summary"] == ended["fact-weekly-prices"] == "Omitted"
    assert {ended[name] for name in ("dim-stock", "dim-date", "dim-stock-history", "restatements")} == {"Succeeded"}
    code, told = message(reader, failed)
    assert code == 65
    assert "assert_prices_agree_within_a_bar" in told
    assert gold(reader) == before

    wrong_bar.execute("update silver.price_bar set high = low + 9 where symbol = 'FB' and price_date = '2012-06-01'")
    rest = platform.run("stocks-gold", granularity="model", full_refresh="true", select=UNDONE)
    assert rest["status"]["phase"] == "Succeeded", rest["status"].get("message")
    ended = phases(rest)
    assert ended["fact-adjusted-prices"] == ended["mart-stock-summary"] == "Succeeded"
    assert ended["dim-stock"] == ended["dim-date"] == "Skipped"
    changed = gold(reader)
    assert changed["fact_adjusted_prices"] != before["fact_adjusted_prices"]
    assert changed["dim_stock"] == before["dim_stock"]
