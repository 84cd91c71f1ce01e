"""Images: ours are built here, others are pulled by the cluster, or loaded where it can't pull."""

from __future__ import annotations

import json
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

    The node is asked once what it has: kind asks anew for each image, and not at all for Podman's archive; and what
    was handed over before may be gone, because a kubelet that runs short of disk takes images away.
    """
    listed = run([options.provider, "exec", options.node, "crictl", "images", "--output", "json"])
    # Docker's and Podman's identity is that of the configuration, or with containerd as Docker's store of the manifest.
    held = {
        (name, identity.rpartition(":")[2])
        for image in json.loads(listed)["images"]
        for name in image["repoTags"]
        for identity in (image["id"], *image["repoDigests"])
    }
    wanted = {image: _identity(options, image).rpartition(":")[2] for image in sorted(images)}
    new = [
        image
        for image, identity in wanted.items()
        if held.isdisjoint((place + image, identity) for place in ("", "docker.io/", "docker.io/library/"))
    ]
    if new and options.provider == "docker":
        run(["kind", "load", "docker-image", "--name", options.cluster, *new], environment=options.kind_environment)
    elif new:
        with tempfile.TemporaryDirectory() as folder:
            archive = f"{folder}/images.tar"
            run(["podman", "save", "--multi-image-archive", "--output", archive, *new])
            load_archive = ["kind", "load", "image-archive", "--name", options.cluster, archive]
            run(load_archive, environment=options.kind_environment)
    return f"{len(new)} of {len(wanted)} were new to the node"


def _identity(options: Options, image: str) -> str:
    """The identity of an image in the local store.

    Raises:
        Failed: It is not there.
    """
    inspect = [options.provider, "image", "inspect", "--format", "{{.Id}}", image]
    if not succeeds(inspect):
        raise Failed(f"The image {image} is not in {options.provider}'s store, and OFFLINE=1 forbids pulling it.")
    return run(inspect).strip()
