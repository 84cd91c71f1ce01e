"""Installs Argo Workflows: its own manifest, with what tools/cluster/argo changes."""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from pathlib import Path

from tools.cluster.command import Failed, run
from tools.cluster.images import named_in
from tools.cluster.options import ROOT, Options


def rendered(options: Options) -> str:
    """All manifests of Argo as one text.

    Raises:
        Failed: ARGO_MANIFEST can't be had.
    """
    source = options.argo_manifest
    address = source if "://" in source else Path(source).expanduser().absolute().as_uri()
    if not address.startswith(("https://", "file://")):
        raise Failed(f"ARGO_MANIFEST={source}: an https:// address or a path.")
    with tempfile.TemporaryDirectory() as folder:
        layout = Path(folder) / "argo"
        shutil.copytree(ROOT / "tools/cluster/argo", layout)
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 -- see above
                (layout / "install/namespace-install.yaml").write_bytes(answer.read())
        except OSError as error:
            hint = "Give a file: make up ARGO_MANIFEST=path"
            raise Failed(f"ARGO_MANIFEST={source} can't be read: {error}. {hint}") from error
        return run(["kubectl", "kustomize", str(layout)])


def images(manifests: str) -> set[str]:
    """The images that Argo needs: those that its manifests name, and the executor, of the controller's version."""
    named = named_in(manifests)
    return named | {name.replace("/workflow-controller:", "/argoexec:") for name in named}


def install(options: Options, manifests: str) -> str:
    """Brings Argo to these manifests; gives a line that says what was done."""
    applied = run([*options.apply, "--filename", "-"], text=manifests).splitlines()
    for deployment in ("workflow-controller", "argo-server"):
        run([*options.kubectl, "--namespace", "argo", "rollout", "status", f"deployment/{deployment}", "--timeout=5m"])
    return f"{len(applied)} applied"
