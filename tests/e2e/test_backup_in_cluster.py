"""What was lost comes back: from a backup, row for row, and bronze alone gives the same bars."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import psycopg
import pytest
from tests.e2e.conftest import forwarded
from tests.e2e.platform import NAMESPACE, Platform, Workflow
from tests.e2e.test_pipeline_in_cluster import gold
from tools.cluster.command import run

from stocks.warehouse import Role, Warehouse

SILVER = """
select price_date, symbol, interval, close, adjusted_close, volume, is_final, bronze_key from silver.price_bar
order by symbol, interval, price_date
"""


def by_hand(cron: str) -> str:
    """Runs a CronJob of the chart now, to its end; gives what it printed."""
    name = f"{cron}-{int(time.time())}"
    run(["kubectl", "--namespace", NAMESPACE, "create", "job", name, f"--from=cronjob/{cron}"])
    try:
        run(["kubectl", "--namespace", NAMESPACE, "wait", f"job/{name}", "--for=condition=Complete", "--timeout=5m"])
    finally:
        told = run(["kubectl", "--namespace", NAMESPACE, "logs", f"job/{name}"])
    return told


@pytest.fixture
def owner(platform: Platform) -> Iterator[Warehouse]:
    """The warehouse as its owner, by a way of this test's own."""
    secret = platform.pods.read_namespaced_secret("warehouse-owner", NAMESPACE)
    with forwarded(base64.b64decode(secret.data["STOCKS_WAREHOUSE_URL"]).decode()) as url:
        yield Warehouse(url)


def silver(warehouse: Warehouse) -> list[tuple[object, ...]]:
    with warehouse.connect(Role.READER) as connection:
        return connection.execute(SILVER).fetchall()


def test_a_lost_warehouse_is_restored_row_for_row(ingested: Workflow, platform: Platform, owner: Warehouse) -> None:
    before, bars = gold(owner), silver(owner)
    assert json.loads(by_hand("stocks-backup").splitlines()[-1])["rows"] > len(bars)
    with psycopg.connect(owner.url, autocommit=True) as connection:
        connection.execute("drop schema silver, ops, gold, gold_next, snapshots, migration cascade")
    by_hand("stocks-restore")
    assert silver(owner) == bars
    workflow = platform.run("stocks-gold", granularity="single")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    assert gold(owner) == before
