"""The charts, in the order in which they need one another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.cluster.command import run
from tools.cluster.options import NAMESPACE, ROOT, Options

CHARTS = ("rustfs", "postgres", "stocks", "dashboard")
_TIMEOUT = "10m"


def rendered(options: Options) -> dict[str, str]:
    """Each chart's manifests as text; passwords that a chart makes up differ each time."""
    server = json.loads(run([*options.kubectl, "version", "--output", "json"]))["serverVersion"]["gitVersion"]
    template = ["helm", "template", "--kube-version", server]
    return {name: run([*template, name, str(_chart(name)), *_values(options, name)]) for name in CHARTS}


def install(options: Options, name: str, identities: dict[str, str]) -> str:
    """Brings a release to its chart; gives a line that says what was done.

    Args:
        options: Name the cluster, and the values of the chart stocks.
        name: The release, which is called as its chart is.
        identities: Of our images: pods of an image that was built anew under its old name start again.
    """
    digest = _digest(options, name, identities)
    history = [*options.helm, "list", "--filter", f"^{name}$", "--output", "json"]
    there = json.loads(run(history))
    if there and there[0]["status"] == "deployed":
        told = json.loads(run([*options.helm, "history", name, "--max", "1", "--output", "json"]))
        if told[-1]["description"] == digest:
            return "as it was"
    run(
        [
            *(*options.helm, "upgrade", "--install", name, str(_chart(name)), *_values(options, name)),
            # Where no values are given Helm would keep those of the time before.
            *("--reset-values", "--wait", "--timeout", _TIMEOUT, "--description", digest),
        ]
    )
    if there:
        selector = f"app.kubernetes.io/instance={name}"
        restart = [
            *options.kubectl,
            "--namespace",
            NAMESPACE,
            "rollout",
            "restart",
            "deployment",
            "--selector",
            selector,
        ]
        if run([*options.kubectl, "--namespace", NAMESPACE, "get", "deployment", "--selector", selector, "-o", "name"]):
            run(restart)
    return "upgraded" if there else "installed"


def _chart(name: str) -> Path:
    return ROOT / "charts" / name


def _values(options: Options, name: str) -> list[str]:
    return ["--values", options.values] if name == "stocks" and options.values else []


def _digest(options: Options, name: str, identities: dict[str, str]) -> str:
    """What a release is made from, in one line."""
    digest = hashlib.sha256(json.dumps(identities, sort_keys=True).encode() if name in {"stocks", "dashboard"} else b"")
    files = [path for path in sorted(_chart(name).rglob("*")) if path.is_file()]
    files += [Path(value) for value in _values(options, name)[1:]]
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"make up {digest.hexdigest()}"
