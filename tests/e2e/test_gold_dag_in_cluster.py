"""The dbt project as Argo's DAG: whole, failing, and gone on with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from kubernetes import client
from tests.e2e.conftest import forwarded
from tests.e2e.platform import NAMESPACE, Platform, Workflow
from tests.e2e.test_pipeline_in_cluster import gold, message
from tests.silver import OF_SERIES

from stocks.warehouse import Warehouse

UNDONE = "1+result:fail+ 1+result:error+ result:skipped+"
BAR = "price_date = '2012-06-01' and " + OF_SERIES.format(symbol="FB")


@dataclass
class WrongBar:
    """A bar of silver that breaks a rule until it is mended."""

    connection: psycopg.Connection[tuple[float]]
    high: float

    def mend(self) -> None:
        """Makes the bar what it was."""
        self.connection.execute(f"update silver.bar set high = %s where {BAR}".encode(), [self.high])


@pytest.fixture
def wrong_bar(ingested: Workflow) -> Iterator[WrongBar]:
    """A bar of silver that breaks a rule, until the test mends it or ends."""
    secret = client.CoreV1Api().read_namespaced_secret("warehouse-owner", NAMESPACE)
    with (
        forwarded(base64.b64decode(secret.data["STOCKS_WAREHOUSE_URL"]).decode()) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        row = connection.execute(f"select high from silver.bar where {BAR}".encode()).fetchone()
        assert row is not None
        bar = WrongBar(connection, row[0])
        connection.execute(f"update silver.bar set high = low - 1 where {BAR}".encode())
        try:
            yield bar
        finally:
            bar.mend()


def phases(workflow: Workflow) -> dict[str, str]:
    """How each task of the DAG ended."""
    return {
        node["displayName"]: node["phase"]
        for node in workflow["status"]["nodes"].values()
        if node["type"] in ("Retry", "Skipped", "DAG")
    }


def test_layers_give_the_same_gold(ingested: Workflow, platform: Platform, reader: Warehouse) -> None:
    before = gold(reader)
    workflow = platform.run("stocks-gold", granularity="layer", full_refresh="true")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert gold(reader) == before
    assert phases(workflow)["fact-weekly-prices"] == "Succeeded", "both facts are in one pod"


def test_failed_model_leaves_out_what_hangs_on_it_alone_and_is_gone_on_with(
    platform: Platform, reader: Warehouse, wrong_bar: WrongBar
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

    wrong_bar.mend()
    rest = platform.run("stocks-gold", granularity="model", full_refresh="true", select=UNDONE)
    assert rest["status"]["phase"] == "Succeeded", rest["status"].get("message")
    ended = phases(rest)
    assert ended["fact-adjusted-prices"] == ended["mart-stock-summary"] == "Succeeded"
    assert ended["dim-stock"] == ended["dim-date"] == "Skipped"
    assert gold(reader) == before
