"""Images: ours are built here, others are pulled by the cluster, or loaded where it can't pull."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tools.cluster.command import Failed, run, succeeds
from tools.cluster.options import ROOT, Options

OURS = ("pipeline", "dbt", "dashboard")


def version() -> str:
    """The tag of our images: the version of the charts."""
    found = re.search(r"^appVersion: \"?([^\"\n]+)", (ROOT / "charts/stocks/Chart.yaml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def build(options: Options) -> dict[str, str]:
    """Builds our images; gives the identity of each, by name."""
    identities = {}
    for name in OURS:
        image = f"stocks-{name}:{version()}"
        # The name in full, as a node reads it in a manifest: a short one Podman would put below localhost/.
        tag = ["--tag", f"docker.io/library/{image}"]
        run([options.provider, "build", *tag, "--file", str(ROOT / f"images/{name}/Dockerfile"), str(ROOT)])
        identities[image] = identity(options, image)
    return identities


def identity(options: Options, image: str) -> str:
    """The identity of an image in the local store.

    Raises:
        Failed: It is not there.
    """
    if not succeeds([options.provider, "image", "inspect", image]):
        raise Failed(f"The image {image} is not in {options.provider}'s store, and OFFLINE=1 forbids pulling it.")
    return run([options.provider, "image", "inspect", "--format", "{{.Id}}", image]).strip()


def named_in(manifests: str) -> set[str]:
    """The images that manifests name."""
    return set(re.findall(r"^\s*(?:- )?image: \"?([^\s\"]+)", manifests, re.MULTILINE))


def load(options: Options, images: Iterable[str]) -> list[str]:
    """Hands images to the node; gives those that it did not have yet.

    A file on the node remembers what it was given: asking its container runtime takes longer than all the rest.
    """
    marks = "/var/lib/stocks-images"
    node = [options.provider, "exec", options.node]
    held = run([*node, "sh", "-c", f"cat {marks} 2>/dev/null || true"]).split()
    wanted = {image: identity(options, image) for image in sorted(images)}
    new = [image for image, mark in wanted.items() if f"{image}@{mark}" not in held]
    if not new:
        return []
    if options.provider == "docker":
        run(["kind", "load", "docker-image", "--name", options.cluster, *new], environment=options.kind_environment)
    else:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "images.tar"
            run(["podman", "save", "--multi-image-archive", "--output", str(archive), *new])
            run(
                ["kind", "load", "image-archive", "--name", options.cluster, str(archive)],
                environment=options.kind_environment,
            )
    kept = [mark for mark in held if mark.partition("@")[0] not in wanted]
    marked = [*kept, *(f"{image}@{mark}" for image, mark in wanted.items())]
    run([*node, "sh", "-c", f"printf '%s\\n' {' '.join(marked)} > {marks}"])
    return new
