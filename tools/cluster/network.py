"""The nodes' network, with an MTU that every hop to the internet can carry.

A packet that is larger than some hop carries is dropped there, and often nothing comes back to say so: small
requests work and large ones hang. Nodes and pods take their MTU from this network, so it is set here, once. A new
network of Docker has 1500 whatever the host has; rootless Podman's has 65520.
"""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import Any

from tools.cluster.command import Failed, run, succeeds
from tools.cluster.options import Options

LARGEST = 1500  # what the internet carries
LABEL = "stocks.cluster"
_MTU_OPTIONS = ("com.docker.network.driver.mtu", "mtu")  # Docker's name, Podman's name


def host_uplink() -> tuple[str, int]:
    """The interface by which this host reaches the internet, and its MTU.

    Raises:
        Failed: There is no route there.
    """
    try:
        if platform.system() == "Darwin":
            found = re.search(r"interface: (\S+)", run(["route", "-n", "get", "1.1.1.1"]))
            device = found[1] if found else ""
            found = re.search(r"mtu (\d+)", run(["ifconfig", device]))
            return device, int(found[1]) if found else LARGEST
        found = re.search(r"\bdev (\S+)", run(["ip", "-o", "route", "get", "1.1.1.1"]))
        device = found[1] if found else ""
        return device, int(Path(f"/sys/class/net/{device}/mtu").read_text())
    except (Failed, OSError, ValueError) as error:
        raise Failed("This host's MTU can't be found out. Say it: make up MTU=1400") from error


def wanted_mtu(options: Options) -> int:
    """The MTU that the network should have."""
    return options.mtu or min(LARGEST, host_uplink()[1])


def network_mtu(options: Options) -> int | None:
    """The MTU of the network that there is; None where there is none."""
    described = _describe(options)
    if described is None:
        return None
    settings: dict[str, str] = described.get("Options") or described.get("options") or {}
    return next((int(settings[name]) for name in _MTU_OPTIONS if name in settings), LARGEST)


def ensure_network(options: Options) -> str:
    """Makes the network where there is none; gives a line that says so.

    Raises:
        Failed: There is one with another MTU, and nodes can't be moved to another network; or one that someone else
            made, by which `make down` would not know its cluster.
    """
    wanted, there = wanted_mtu(options), network_mtu(options)
    if there is None:
        mtu_option = _MTU_OPTIONS[0] if options.provider == "docker" else _MTU_OPTIONS[1]
        create = [options.provider, "network", "create", "--driver", "bridge", "--opt", f"{mtu_option}={wanted}"]
        run([*create, "--label", f"{LABEL}={options.cluster}", options.network])
        return f"made {options.network}, MTU {wanted}"
    mend = f"make down CLUSTER={options.cluster}"
    wrong = f"has an MTU of {there}, and the way out of this host carries {wanted}: large answers would " + (
        "hang" if there > wanted else "be cut into needlessly many packets"
    )
    if not is_ours(options):
        wrong, mend = "is none that `make up` made", f"{options.provider} network rm {options.network}"
    elif there == wanted:
        return f"{options.network}, MTU {there}"
    raise Failed(
        f"The network {options.network} {wrong}.\nTake it away, then bring the cluster up as before:\n  {mend}"
    )


def remove_network(options: Options) -> bool:
    """Takes the network away where `make up` made it; gives whether it did."""
    ours = is_ours(options)
    if ours:
        run([options.provider, "network", "rm", options.network])
    return ours


def is_ours(options: Options) -> bool:
    """Whether `make up` made the network."""
    described = _describe(options) or {}
    return (described.get("Labels") or described.get("labels") or {}).get(LABEL) == options.cluster


def _describe(options: Options) -> dict[str, Any] | None:
    inspect = [options.provider, "network", "inspect", options.network]
    if not succeeds(inspect):
        return None
    described: dict[str, Any] = json.loads(run(inspect))[0]
    return described
