"""Installs Argo Workflows: its own manifest, with what tools/cluster/argo changes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import urllib.request
from pathlib import Path

from tools.cluster.command import Failed, run
from tools.cluster.options import ROOT, Options

_DIGEST = "stocks/argo-manifests"


def rendered(options: Options) -> str:
    """All manifests of Argo as one text.

    Raises:
        Failed: ARGO_MANIFEST can't be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        layout = Path(folder) / "argo"
        shutil.copytree(ROOT / "tools/cluster/argo", layout)
        (layout / "install/namespace-install.yaml").write_bytes(_manifest(options.argo_manifest))
        return run(["kubectl", "kustomize", str(layout)])


def images(manifests: str, named: set[str]) -> set[str]:
    """The images that Argo needs: those that its manifests name, and the executor, of the controller's version."""
    controller = next(image for image in named if "/workflow-controller:" in image)
    assert controller in manifests
    return named | {controller.replace("/workflow-controller:", "/argoexec:")}


def install(options: Options, manifests: str) -> str:
    """Brings Argo to these manifests; gives a line that says what was done."""
    digest = hashlib.sha256(manifests.encode()).hexdigest()
    get = [*options.kubectl, "get", "namespace", "argo", "--ignore-not-found"]
    before = run([*get, "--output", f"jsonpath={{.metadata.annotations['{_DIGEST}']}}"])
    if before == digest:
        return "as it was"
    documents = manifests.split("\n---\n")
    first = [text for text in documents if "\nkind: CustomResourceDefinition\n" in f"\n{text}\n"]
    rest = [text for text in documents if text not in first]
    # Server-side: the definitions are larger than the annotation in which kubectl would keep them. First: a role may
    # name their resources only when they are there.
    apply = [*options.kubectl, "apply", "--server-side", "--force-conflicts", "--filename", "-"]
    run(apply, text="\n---\n".join(first))
    run([*options.kubectl, "wait", "--for=condition=Established", "--timeout=120s", "crd", "--all"])
    run(apply, text="\n---\n".join(rest))
    for deployment in ("workflow-controller", "argo-server"):
        run([*options.kubectl, "--namespace", "argo", "rollout", "status", f"deployment/{deployment}", "--timeout=5m"])
    run([*options.kubectl, "annotate", "--overwrite", "namespace", "argo", f"{_DIGEST}={digest}"])
    return "installed"


def _manifest(source: str) -> bytes:
    if "://" not in source:
        try:
            return Path(source).expanduser().read_bytes()
        except OSError as error:
            raise Failed(f"ARGO_MANIFEST={source} can't be read: {error.strerror}.") from error
    if not source.startswith("https://"):
        raise Failed(f"ARGO_MANIFEST={source}: an https:// address or a path.")
    try:
        with urllib.request.urlopen(source, timeout=60) as answer:  # noqa: S310 -- https alone, see above
            text: bytes = answer.read()
            return text
    except OSError as error:
        raise Failed(f"{source} can't be fetched ({error}). Give a file: make up ARGO_MANIFEST=path") from error
