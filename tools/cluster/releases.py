"""The charts, in the order in which they need one another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.cluster.command import run
from tools.cluster.options import ROOT, Options

CHARTS = ("rustfs", "postgres", "stocks", "dashboard")
TIMEOUT = "10m"
# The image of a chart's pods that go on running, and the value that annotates them.
_PODS = {"stocks": ("stocks-pipeline", "sampleApi.podAnnotations"), "dashboard": ("stocks-dashboard", "podAnnotations")}


def rendered(options: Options) -> dict[str, str]:
    """Each chart's manifests as text; passwords that a chart makes up differ each time."""
    server = json.loads(run([*options.kubectl, "version", "--output", "json"]))["serverVersion"]["gitVersion"]
    template = ["helm", "template", "--kube-version", server]
    return {name: run([*template, name, str(chart(name)), *_values(options, name, {})]) for name in CHARTS}


def install(options: Options, name: str, identities: dict[str, str]) -> str:
    """Brings a release to its chart; gives a line that says what was done.

    Args:
        options: Name the cluster, and the values of the chart stocks.
        name: The release, which is called as its chart is.
        identities: Of our images, by their names: an image that was built anew under its old name starts pods again.
    """
    values = _values(options, name, identities)
    digest = _digest(name, values)
    history = [*options.helm, "list", "--filter", f"^{name}$", "--output", "json"]
    there = json.loads(run(history))
    if there and there[0]["status"] == "deployed":
        told = json.loads(run([*options.helm, "history", name, "--max", "1", "--output", "json"]))
        if told[-1]["description"] == digest:
            return "as it was"
    run(
        [
            *(*options.helm, "upgrade", "--install", name, str(chart(name)), *values),
            # Where no values are given Helm would keep those of the time before.
            *("--reset-values", "--wait", "--timeout", TIMEOUT, "--description", digest),
        ]
    )
    return "upgraded" if there else "installed"


def chart(name: str) -> Path:
    """Where a chart is."""
    return ROOT / "charts" / name


def _values(options: Options, name: str, identities: dict[str, str]) -> list[str]:
    given = ["--values", options.values] if name == "stocks" and options.values else []
    image, annotations = _PODS.get(name, ("", ""))
    made_of = [identity for tagged, identity in identities.items() if tagged.startswith(f"{image}:")]
    return given + [word for identity in made_of for word in ("--set-string", f"{annotations}.image={identity}")]


def _digest(name: str, values: list[str]) -> str:
    """What a release is made from, in one line."""
    files = [path for path in sorted(chart(name).rglob("*")) if path.is_file()]
    digest = hashlib.sha256()
    for word in values:
        digest.update(Path(word).read_bytes() if Path(word).is_file() else word.encode())
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"make up {digest.hexdigest()}"
