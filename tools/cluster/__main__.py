"""The platform on a local kind cluster: python3 -m tools.cluster up | down | mtu. `make up` calls it.

It needs Python alone, and the programs that it runs: Docker or Podman, kind, kubectl, Helm.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from tools.cluster import argo, dotenv, images, releases
from tools.cluster.command import Failed, need, run
from tools.cluster.mtu import show_hops
from tools.cluster.network import ensure_network, find_network, remove_network
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
    """Brings everything up. Each stage may be repeated: what is there is brought to what this checkout says."""
    need([options.provider, "kind", "kubectl", "helm"])
    begun = time.monotonic()
    settings = dotenv.read()
    _stage("network", lambda: ensure_network(options))
    _stage("cluster", lambda: _cluster(options))
    manifests = argo.rendered(options)
    ours: dict[str, str] = {}
    _stage("build", lambda: ours.update(images.build(options)) or ", ".join(ours))
    told = releases.values(ours, dotenv.values(settings))
    needed = set(ours)
    if options.offline:
        needed |= argo.images(manifests) | releases.images(options, told)
    _stage("images", lambda: images.load(options, needed))
    _stage("argo", lambda: argo.install(options, manifests))
    _stage("provider", lambda: dotenv.install(options, settings))
    _stage("stocks", lambda: releases.install(options, told))
    print(f"Up in {time.monotonic() - begun:.0f} s." + _NEXT.format(namespace=NAMESPACE))


def down(options: Options) -> None:
    """Takes away what `up` made, and nothing else: the cluster with all its data, and its network. Images stay."""
    need([options.provider, "kind"])
    there = _is_there(options)
    if there:
        run(["kind", "delete", "cluster", "--name", options.cluster], environment=options.kind_environment)
    removed = remove_network(options)
    print(f"Cluster {options.cluster}: {'removed' if there else 'there was none'}.")
    print(f"Network {options.network}: {'removed' if removed else 'none that make up made'}.")


def mtu(options: Options) -> None:
    """Checks each hop between the host and a pod."""
    need([options.provider, "kubectl"])
    if not show_hops(options):
        raise Failed("A hop is wrong: see the table.")


def _cluster(options: Options) -> str:
    if _is_there(options):
        return "as it was"
    node = ["--image", options.kind_node_image] if options.kind_node_image else []
    create = ["kind", "create", "cluster", "--name", options.cluster, *node, "--wait", "180s"]
    run([*create, "--config", str(ROOT / "kind-config.yaml")], environment=options.kind_environment)
    return "made"


def _is_there(options: Options) -> bool:
    """Whether there is the cluster that `up` made.

    Raises:
        Failed: There is one of that name which it did not make: it is not on the network that it makes.
    """
    if options.cluster not in run(["kind", "get", "clusters"], environment=options.kind_environment).split():
        return False
    inspect = [options.provider, "inspect", "--format", "{{json .NetworkSettings.Networks}}", options.node]
    network = find_network(options)
    if network and network.is_ours and options.network in json.loads(run(inspect)):
        return True
    raise Failed(
        f"`make up` did not make the kind cluster {options.cluster}: it is not on the network {options.network}.\n"
        "Leave it, and take another name:\n  make up CLUSTER=another\n"
        f"Or take it away:\n  kind delete cluster --name {options.cluster}"
    )


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
    commands = {"up": up, "down": down, "mtu": mtu}
    parser.add_argument("command", choices=commands)
    try:
        commands[parser.parse_args().command](Options.of_environment())
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
