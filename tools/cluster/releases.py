"""The charts, in the order in which they need one another."""

from __future__ import annotations

import json
from typing import Any

from tools.cluster.command import run
from tools.cluster.images import named_in, version
from tools.cluster.options import ROOT, Options

CHARTS = ("rustfs", "postgres", "stocks", "dashboard")
TIMEOUT = "10m"


def values(name: str, identities: dict[str, str], prices: dict[str, Any]) -> dict[str, Any]:
    """What `make up` tells a chart.

    Args:
        name: The chart.
        identities: Of our images, by their names: one that was built anew under its old name starts its pods again.
        prices: The values of the chart stocks that say where prices come from.
    """
    if name == "stocks":
        image = identities[f"stocks-pipeline:{version()}"]
        # Argo is set up for it (argo/install/controller.yaml).
        return {**prices, "nodes": "warm", "sampleApi": {"podAnnotations": {"image": image}}}
    if name == "dashboard":
        return {"podAnnotations": {"image": identities[f"stocks-dashboard:{version()}"]}}
    return {}


def images(options: Options, name: str, told: dict[str, Any]) -> set[str]:
    """The images that a chart's manifests name."""
    server = json.loads(run([*options.kubectl, "version", "--output", "json"]))["serverVersion"]["gitVersion"]
    template = ["helm", "template", "--kube-version", server, *_chart(options, name)]
    return named_in(run(template, text=json.dumps(told)))


def install(options: Options, name: str, told: dict[str, Any]) -> str:
    """Brings a release to its chart; gives a line that says so.

    Args:
        options: Name the cluster, and a file of values for the chart stocks, which go before what is told.
        name: The release, which is called as its chart is.
        told: The values.
    """
    # Where no values are given Helm would keep those of the time before.
    upgrade = [*options.helm, "upgrade", "--install", "--reset-values", "--wait", "--timeout", TIMEOUT]
    run([*upgrade, *_chart(options, name)], text=json.dumps(told))
    return "deployed"


def _chart(options: Options, name: str) -> list[str]:
    """Name, chart and values as Helm takes them; what `make up` tells stands at standard input."""
    given = ["--values", options.values] if name == "stocks" and options.values else []
    return [name, str(ROOT / "charts" / name), "--values", "-", *given]
