"""The release: the chart stocks, which brings the others along."""

from __future__ import annotations

import json
from typing import Any

from tools.cluster.command import run
from tools.cluster.images import named_in, version
from tools.cluster.options import ROOT, Options

NAME = "stocks"
CHART = ROOT / "charts/stocks"
TIMEOUT = "10m"


def values(identities: dict[str, str], prices: dict[str, Any]) -> dict[str, Any]:
    """What `make up` tells the chart.

    Args:
        identities: Of our images, by their names: one that was built anew under its old name starts its pods again.
        prices: The values that say where prices come from.
    """
    server, dashboard = (
        {"podAnnotations": {"image": identities[f"stocks-{name}:{version()}"]}} for name in ("pipeline", "dashboard")
    )
    # Argo is set up for nodes without pods (argo/install/controller.yaml).
    return {**prices, "nodes": "warm", "sampleApi": server, "dashboard": dashboard}


def images(options: Options, told: dict[str, Any]) -> set[str]:
    """The images that the chart's manifests name."""
    server = json.loads(run([*options.kubectl, "version", "--output", "json"]))["serverVersion"]["gitVersion"]
    return named_in(run(["helm", "template", "--kube-version", server, *_chart(options)], text=json.dumps(told)))


def install(options: Options, told: dict[str, Any]) -> str:
    """Brings the release to its chart; gives a line that says so.

    Args:
        options: Name the cluster, and a file of values, which go before what is told.
        told: The values.
    """
    # Where no values are given Helm would keep those of the time before.
    upgrade = [*options.helm, "upgrade", "--install", "--reset-values", "--wait", "--timeout", TIMEOUT]
    run([*upgrade, *_chart(options)], text=json.dumps(told))
    return "deployed"


def _chart(options: Options) -> list[str]:
    """Name, chart and values as Helm takes them; what `make up` tells stands at standard input."""
    given = ["--values", options.values] if options.values else []
    return [NAME, str(CHART), "--values", "-", *given]
