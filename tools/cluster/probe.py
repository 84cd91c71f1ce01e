"""Runs in a pod: what its network carries. Prints one JSON object; python -c, so it imports nothing of ours.

Arguments: the address to send packets to (the host's end of the nodes' network), and the S3 endpoint.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2  # don't fragment, and say so where a packet is too large
HEADERS = 28  # IPv4 (20) and ICMP (8)
MEBIBYTES = 8


def echo(address: str, size: int) -> bool:
    """Whether a packet of that size, all headers counted, reaches the address in one piece and comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as ping:
        ping.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        ping.settimeout(3)
        try:
            ping.sendto(b"\x08\0\0\0\0\0\0\1" + bytes(size - HEADERS), (address, 0))
            return len(ping.recv(65536)) == size - HEADERS + 8
        except OSError:
            return False


def transfer(endpoint: str) -> float:
    """Seconds that a large object takes to the store and back."""
    # A network policy may come into force some seconds after the pod: it takes its time to reach the store at first.
    patient = Config(retries={"mode": "standard", "total_max_attempts": 10}, connect_timeout=3)
    store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=patient)
    store.head_bucket(Bucket="argo-artifacts")
    body, key = os.urandom(MEBIBYTES << 20), f"mtu-probe/{socket.gethostname()}"
    begun = time.monotonic()
    store.put_object(Bucket="argo-artifacts", Key=key, Body=body)
    same = store.get_object(Bucket="argo-artifacts", Key=key)["Body"].read() == body
    seconds = time.monotonic() - begun
    store.delete_object(Bucket="argo-artifacts", Key=key)
    if not same:
        raise ValueError("The object came back changed.")
    return seconds


def main() -> None:
    """Prints what was found."""
    gateway, endpoint = sys.argv[1:]
    mtu = int(Path("/sys/class/net/eth0/mtu").read_text())
    found: dict[str, object] = {"mtu": mtu, "full": echo(gateway, mtu), "larger": echo(gateway, mtu + 1)}
    try:
        found["seconds"] = transfer(endpoint)
    except Exception as error:  # noqa: BLE001 -- whatever it was, the table shall say it
        found["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(found))


main()
