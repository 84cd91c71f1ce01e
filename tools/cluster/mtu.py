"""`make mtu`: the MTU of every hop from the host to a pod, a full packet that must not be cut, a large transfer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.cluster.command import Failed, run
from tools.cluster.images import version
from tools.cluster.network import host_uplink, network_mtu, wanted_mtu
from tools.cluster.options import NAMESPACE, Options

_POD = "mtu-probe"
_LABELS = {
    "app.kubernetes.io/name": "stocks",
    "app.kubernetes.io/part-of": "stocks",
    "app.kubernetes.io/component": _POD,
}
_SLOWEST = 10.0  # seconds for a few megabytes: a path that drops large packets takes minutes, or for ever


@dataclass(frozen=True, kw_only=True)
class Hop:
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


def _hops(options: Options) -> Iterable[Hop]:
    device, uplink = host_uplink()
    wanted = wanted_mtu(options)
    yield Hop(name=f"host, {device}", found=str(uplink))
    network = network_mtu(options)
    if network is None:
        raise Failed(f"There is no network {options.network}: `make up` makes it.")
    wrong = "" if network == wanted else f"should be {wanted}: make down && make up"
    yield Hop(name=f"network {options.network}", found=str(network), wrong=wrong)
    on_node = [options.provider, "exec", options.node]
    yield _same("node, eth0", int(run([*on_node, "cat", "/sys/class/net/eth0/mtu"])), network)
    cni = json.loads(run([*on_node, "cat", "/etc/cni/net.d/10-kindnet.conflist"]))
    yield _same("CNI, kindnet", next((plugin["mtu"] for plugin in cni["plugins"] if "mtu" in plugin), 0), network)
    probe = _probe(options, gateway=_gateway(options))
    yield _same("pod, eth0", probe["mtu"], network)
    yield Hop(
        name="a full packet, uncut",
        found=str(probe["mtu"]),
        wrong="" if probe["full"] else "it does not come back: some hop carries less",
    )
    yield Hop(
        name="a packet one byte larger",
        found=str(probe["mtu"] + 1),
        wrong="it came through: the MTU is not where packets are cut" if probe["larger"] else "",
    )
    seconds: float | None = probe.get("seconds")
    yield Hop(
        name="8 MiB to RustFS and back",
        found="-" if seconds is None else f"{seconds:.2f} s",
        wrong=probe["error"] if seconds is None else "too slow: packets are lost" if seconds > _SLOWEST else "",
    )


def _same(name: str, mtu: int, network: int) -> Hop:
    wrong = "" if mtu == network else f"the network has {network}: the cluster was made before it; make down && make up"
    return Hop(name=name, found=str(mtu), wrong=wrong)


def _gateway(options: Options) -> str:
    """The host's address in the nodes' network."""
    route = run([options.provider, "exec", options.node, "ip", "-4", "route", "show", "default"])
    return route.split()[2]


def _probe(options: Options, *, gateway: str) -> dict[str, Any]:
    """Runs tools/cluster/probe.py in a pod."""
    kubectl = [*options.kubectl, "--namespace", NAMESPACE]
    delete = [*kubectl, "delete", "pod,networkpolicy", _POD, "--ignore-not-found", "--now"]
    run(delete)
    script = Path(__file__).with_name("probe.py").read_text()
    objects = {"apiVersion": "v1", "kind": "List", "items": [_policy(gateway), _pod(script, gateway)]}
    run([*kubectl, "create", "--filename", "-"], text=json.dumps(objects))
    try:
        run([*kubectl, "wait", "pod", _POD, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=90s"])
        found: dict[str, Any] = json.loads(run([*kubectl, "logs", _POD]))
        return found
    finally:
        run([*delete, "--wait=false"])


def _policy(gateway: str) -> dict[str, Any]:
    """Lets the probe out to the host; no other pod needs that."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": _POD, "labels": _LABELS},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/component": _POD}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": f"{gateway}/32"}}]}],
        },
    }


def _pod(script: str, gateway: str) -> dict[str, Any]:
    credential = (("AWS_ACCESS_KEY_ID", "accesskey"), ("AWS_SECRET_ACCESS_KEY", "secretkey"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        # These labels let it into RustFS where NetworkPolicies are enforced.
        "metadata": {"name": _POD, "labels": _LABELS},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
                # Lets a process ping without any right.
                "sysctls": [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}],
            },
            "containers": [
                {
                    "name": "probe",
                    "image": f"stocks-pipeline:{version()}",
                    "command": ["python", "-c", script, gateway, "http://rustfs:9000"],
                    "env": [
                        {"name": name, "valueFrom": {"secretKeyRef": {"name": "rustfs-argo", "key": key}}}
                        for name, key in credential
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                }
            ],
        },
    }
