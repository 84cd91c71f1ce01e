"""Images: ours are built here, others are pulled by the cluster, or loaded where it can't pull."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable

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
        identities[image] = _identity(options, image)
    return identities


def named_in(manifests: str) -> set[str]:
    """The images that manifests name."""
    return set(re.findall(r"^\s*(?:- )?image: \"?([^\s\"]+)", manifests, re.MULTILINE))


def load(options: Options, images: Iterable[str]) -> str:
    """Hands images to the node; gives a line that says how many.

    kind asks the node for each of Docker's images, and leaves out what it has; Podman's go there as one archive.
    """
    wanted = sorted(images)
    for image in wanted:
        _identity(options, image)
    if options.provider == "docker":
        run(["kind", "load", "docker-image", "--name", options.cluster, *wanted], environment=options.kind_environment)
    else:
        with tempfile.TemporaryDirectory() as folder:
            archive = f"{folder}/images.tar"
            run(["podman", "save", "--multi-image-archive", "--output", archive, *wanted])
            load_archive = ["kind", "load", "image-archive", "--name", options.cluster, archive]
            run(load_archive, environment=options.kind_environment)
    return f"the node has {len(wanted)}"


def _identity(options: Options, image: str) -> str:
    """The identity of an image in the local store.

    Raises:
        Failed: It is not there.
    """
    inspect = [options.provider, "image", "inspect", "--format", "{{.Id}}", image]
    if not succeeds(inspect):
        raise Failed(f"The image {image} is not in {options.provider}'s store, and OFFLINE=1 forbids pulling it.")
    return run(inspect).strip()
