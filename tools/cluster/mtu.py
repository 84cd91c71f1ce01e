"""`make mtu`: the MTU of every hop from the host to a pod, a full packet that must not be cut, a large transfer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from tools.cluster.command import Failed, run
from tools.cluster.images import version
from tools.cluster.network import find_network, host_uplink, wanted_mtu
from tools.cluster.options import NAMESPACE, Options

_SLOWEST = 10.0  # seconds for a few megabytes: a path that drops large packets takes minutes, or for ever


class Hop(NamedTuple):
    """A line of the table."""

    name: str
    found: str
    wrong: str = ""
    """What is wrong; empty where all is well."""


def show_hops(options: Options) -> bool:
    """Prints the table; gives whether every hop is right."""
    hops = list(_hops(options))
    name = max(len(hop.name) for hop in hops)
    found = max(len(hop.found) for hop in hops)
    for hop in hops:
        print(f"{hop.name:<{name}}  {hop.found:>{found}}  {hop.wrong or 'ok'}")
    return not any(hop.wrong for hop in hops)


def _hops(options: Options) -> Iterator[Hop]:
    device, uplink = host_uplink()
    wanted = wanted_mtu(options)
    yield Hop(f"host, {device}", str(uplink))
    there = find_network(options)
    if there is None:
        raise Failed(f"There is no network {options.network}: `make up` makes it.")
    network = there.mtu
    wrong = "" if network == wanted else f"should be {wanted}: make down && make up"
    yield Hop(f"network {options.network}", str(network), wrong)

    def same(name: str, mtu: int) -> Hop:
        older = f"the network has {network}: the cluster was made before it; make down && make up"
        return Hop(name, str(mtu), "" if mtu == network else older)

    on_node = [options.provider, "exec", options.node]
    yield same("node, eth0", int(run([*on_node, "cat", "/sys/class/net/eth0/mtu"])))
    cni = json.loads(run([*on_node, "cat", "/etc/cni/net.d/10-kindnet.conflist"]))
    yield same("CNI, kindnet", next((plugin["mtu"] for plugin in cni["plugins"] if "mtu" in plugin), 0))
    gateway = run([*on_node, "ip", "-4", "route", "show", "default"]).split()[2]
    carried = probe(options, gateway)
    mtu, seconds = carried["mtu"], carried.get("seconds")
    yield same("pod, eth0", mtu)
    wrong = "" if carried["full"] else "it does not come back: some hop carries less"
    yield Hop("a full packet, uncut", str(mtu), wrong)
    wrong = "it came through: the MTU is not where packets are cut" if carried["larger"] else ""
    yield Hop("a packet one byte larger", str(mtu + 1), wrong)
    if seconds is None:
        yield Hop("8 MiB to RustFS and back", "-", carried["error"])
    else:
        wrong = "too slow: packets are lost" if seconds > _SLOWEST else ""
        yield Hop("8 MiB to RustFS and back", f"{seconds:.2f} s", wrong)


def probe(options: Options, gateway: str) -> dict[str, Any]:
    """Runs probe.py in a pod; the gateway is the host's address in the nodes' network."""
    kubectl = [*options.kubectl, "--namespace", NAMESPACE]
    delete = [*kubectl, "delete", "pod,networkpolicy", "mtu-probe", "--ignore-not-found", "--now"]
    run(delete)
    script, objects = (Path(__file__).with_name(f"probe.{kind}").read_text() for kind in ("py", "yaml"))
    filled = Template(objects).substitute(
        gateway=gateway, image=f"stocks-pipeline:{version()}", script=json.dumps(script)
    )
    run([*kubectl, "create", "--filename", "-"], text=filled)
    try:
        run([*kubectl, "wait", "pod", "mtu-probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s"])
        found: dict[str, Any] = json.loads(run([*kubectl, "logs", "mtu-probe"]))
        return found
    finally:
        run([*delete, "--wait=false"])
