"""The cluster that kubectl talks to, with the platform of this checkout in it, and the sample's server as the provider.

These tests install charts and start workflows there: they run by `make e2e` (STOCKS_TEST_CLUSTER=1) alone, never by
`make test`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from kubernetes import client, config
from tests.e2e.platform import NAMESPACE, Platform, Workflow, install, output, source
from urllib3.exceptions import HTTPError

from stocks.warehouse import Warehouse

SAMPLE = "AAPL,FB,GOOG,IBM,MSFT"


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The platform, installed as this checkout has it, where there is Argo."""
    if os.environ.get("STOCKS_TEST_CLUSTER") != "1":
        pytest.skip("installs charts and starts workflows in a cluster: `make e2e`")
    try:
        config.load_kube_config()
        client.CustomObjectsApi().list_namespaced_custom_object(
            "argoproj.io", "v1alpha1", NAMESPACE, "workflowtemplates", limit=1
        )
    except (config.ConfigException, client.ApiException, HTTPError) as error:
        pytest.skip(f"the cluster that kubectl talks to has no Argo, or there is none: {type(error).__name__}")
    if source() not in {None, "sample"}:
        pytest.fail(
            "The platform in the cluster that kubectl talks to has prices of its own, and the sample would come among "
            "them. Take another cluster: make up e2e CLUSTER=stocks-e2e STOCKS_SOURCE=sample"
        )
    install()
    return Platform()


@pytest.fixture(scope="session")
def ingested(platform: Platform) -> Workflow:
    """The sample is in silver and gold."""
    workflow = platform.run("stocks-ingest", tickers=SAMPLE, batch_size="2", nodes="pod")
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    changes = json.loads(output(workflow, "commit", "changes"))
    if "gold" in changes:
        built = platform.wait(changes["gold"])
        assert built["status"]["phase"] == "Succeeded", built["status"].get("message")
    return workflow


@pytest.fixture(scope="session")
def reader(platform: Platform) -> Iterator[Warehouse]:
    """The warehouse as the dashboard sees it, by a port-forward."""
    secret = client.CoreV1Api().read_namespaced_secret("warehouse-reader", NAMESPACE)
    with forwarded(base64.b64decode(secret.data["STOCKS_WAREHOUSE_URL"]).decode()) as url:
        yield Warehouse(url)


@contextlib.contextmanager
def forwarded(url: str) -> Iterator[str]:
    """The URL of the cluster's PostgreSQL, by a free port of this machine."""
    command = ["kubectl", "--namespace", NAMESPACE, "port-forward", "service/postgres", ":5432"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None, "kubectl port-forward did not say its port"
        try:
            parts = urlsplit(url)
            login = parts.netloc.rpartition("@")[0]
            yield urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{found[1]}"))
        finally:
            process.terminate()
