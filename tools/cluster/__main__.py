"""The platform on a local kind cluster: python3 -m tools.cluster up | down | mtu. `make up` calls it.

It needs Python alone, and the programs that it runs: Docker or Podman, kind, kubectl, Helm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.cluster import argo, images, releases
from tools.cluster.command import Failed, need, run
from tools.cluster.mtu import show_hops
from tools.cluster.network import ensure_network, remove_network
from tools.cluster.options import NAMESPACE, ROOT, Options

_NEXT = """
Next:
  make submit    fetch prices ({namespace}: argo submit --from workflowtemplate/stocks-ingest)
  make ui        Argo's UI
  make dashboard-forward
  make mtu       check every hop
  make down      take it all away
"""


def up(options: Options) -> None:
    """Brings everything up; what is there already stays."""
    need([options.provider, "kind", "kubectl", "helm"])
    begun = time.monotonic()
    _stage("network", lambda: ensure_network(options))
    _stage("cluster", lambda: _cluster(options))
    manifests = argo.rendered(options)
    identities: dict[str, str] = {}
    _stage("build", lambda: identities.update(images.build(options)) or ", ".join(identities))
    _stage("images", lambda: _load(options, manifests, set(identities)))
    _stage("argo", lambda: argo.install(options, manifests))
    for name in releases.CHARTS:
        _stage(name, lambda name=name: releases.install(options, name, identities))  # type: ignore[misc]
    _stage("templates", lambda: _templates(options))
    print(f"Up in {time.monotonic() - begun:.0f} s." + _NEXT.format(namespace=NAMESPACE))


def down(options: Options) -> None:
    """Takes away what `up` made: the cluster with all its data, and its network. Images stay."""
    need([options.provider, "kind"])
    clusters = run(["kind", "get", "clusters"], environment=options.kind_environment).split()
    if options.cluster in clusters:
        run(["kind", "delete", "cluster", "--name", options.cluster], environment=options.kind_environment)
    removed = remove_network(options)
    print(f"Cluster {options.cluster}: {'removed' if options.cluster in clusters else 'there was none'}.")
    print(f"Network {options.network}: {'removed' if removed else 'none that make up made'}.")


def mtu(options: Options) -> None:
    """Checks each hop between the host and a pod."""
    need([options.provider, "kubectl"])
    if not show_hops(options):
        raise Failed("A hop is wrong: see the table.")


def _cluster(options: Options) -> str:
    if options.cluster in run(["kind", "get", "clusters"], environment=options.kind_environment).split():
        return "as it was"
    node = ["--image", options.kind_node_image] if options.kind_node_image else []
    run(
        [
            *("kind", "create", "cluster", "--name", options.cluster, *node),
            *("--config", str(ROOT / "kind-config.yaml"), "--wait", "180s"),
        ],
        environment=options.kind_environment,
    )
    return "made"


def _load(options: Options, manifests: str, ours: set[str]) -> str:
    needed = set(ours)
    if options.offline:
        needed |= argo.images(manifests, images.named_in(manifests))
        for text in releases.rendered(options).values():
            needed |= images.named_in(text)
    loaded = images.load(options, needed)
    return f"{len(loaded)} of {len(needed)} were new to the node"


def _templates(options: Options) -> str:
    apply = [*options.kubectl, "--namespace", NAMESPACE, "apply", "--server-side", "--force-conflicts"]
    told = run([*apply, "--filename", str(ROOT / "workflows/rendered")]).splitlines()
    return f"{len(told)} applied"


def _stage(name: str, work: Callable[[], str]) -> None:
    begun = time.monotonic()
    print(f"{name:<10} ", end="", flush=True)
    try:
        print(f"{work()} ({time.monotonic() - begun:.1f} s)", flush=True)
    except Failed:
        print("failed", flush=True)
        raise


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.cluster", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("up", "down", "mtu"))
    command = parser.parse_args().command
    try:
        {"up": up, "down": down, "mtu": mtu}[command](Options.of_environment())
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
