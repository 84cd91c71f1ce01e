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
from typing import NamedTuple

from tools.cluster.command import Failed, run, succeeds
from tools.cluster.options import Options

LARGEST = 1500  # what the internet carries
LABEL = "stocks.cluster"
_MTU_OPTIONS = {"docker": "com.docker.network.driver.mtu", "podman": "mtu"}


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


class Network(NamedTuple):
    """The network of the cluster's nodes, as it is."""

    mtu: int
    is_ours: bool
    """Whether `make up` made it, for this cluster."""


def find_network(options: Options) -> Network | None:
    """The network that there is."""
    inspect = [options.provider, "network", "inspect", options.network]
    if not succeeds(inspect):
        return None
    described = json.loads(run(inspect))[0]
    settings, labels = (described.get(name) or described.get(name.lower()) or {} for name in ("Options", "Labels"))
    mtu = next((int(settings[name]) for name in _MTU_OPTIONS.values() if name in settings), LARGEST)
    return Network(mtu, labels.get(LABEL) == options.cluster)


def ensure_network(options: Options) -> str:
    """Makes the network where there is none; gives a line that says so.

    Raises:
        Failed: There is one with another MTU, and nodes can't be moved to another network; or one that someone else
            made, by which `make down` would not know its cluster.
    """
    wanted, there = wanted_mtu(options), find_network(options)
    if there is None:
        mtu_option = f"{_MTU_OPTIONS[options.provider]}={wanted}"
        create = [options.provider, "network", "create", "--driver", "bridge", "--opt", mtu_option]
        run([*create, "--label", f"{LABEL}={options.cluster}", options.network])
        return f"made {options.network}, MTU {wanted}"
    if not there.is_ours:
        wrong, mend = "is none that `make up` made", f"{options.provider} network rm {options.network}"
    elif there.mtu != wanted:
        effect = "hang" if there.mtu > wanted else "be cut into needlessly many packets"
        wrong = (
            f"has an MTU of {there.mtu}, and the way out of this host carries {wanted}: large answers would {effect}"
        )
        mend = f"make down CLUSTER={options.cluster}"
    else:
        return f"{options.network}, MTU {wanted}"
    raise Failed(
        f"The network {options.network} {wrong}.\nTake it away, then bring the cluster up as before:\n  {mend}"
    )


def remove_network(options: Options) -> bool:
    """Takes the network away where `make up` made it; gives whether it did."""
    there = find_network(options)
    if there is None or not there.is_ours:
        return False
    run([options.provider, "network", "rm", options.network])
    return True
