"""What `make up` may be told."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tools.cluster.command import Failed

ROOT = Path(__file__).parents[2]
ARGO_VERSION = "v4.1.2"
NAMESPACE = "stocks"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The variables of the Makefile, by their names."""

    cluster: str = "stocks"
    provider: Literal["docker", "podman"] = "docker"
    kind_node_image: str = ""
    """The node's image; kind's own where empty."""
    argo_manifest: str = (
        f"https://github.com/argoproj/argo-workflows/releases/download/{ARGO_VERSION}/namespace-install.yaml"
    )
    """Address or path of Argo's manifest."""
    values: str = ""
    """A file of values for the chart."""
    mtu: int | None = None
    """Of the network; found out where None."""
    offline: bool = False
    """Pull nothing: what the cluster needs is in the local image store."""

    @classmethod
    def of_environment(cls) -> Options:
        """The options that are set.

        Raises:
            Failed: One can't be.
        """
        given: dict[str, Any] = {
            field.name: value for field in fields(cls) if (value := os.environ.get(field.name.upper(), "").strip())
        }
        if given.get("provider", "docker") not in {"docker", "podman"}:
            raise Failed(f"PROVIDER={given['provider']}: it is docker or podman.")
        if "mtu" in given:
            if not given["mtu"].isdecimal():
                raise Failed(f"MTU={given['mtu']}: it is a number of bytes.")
            given["mtu"] = int(given["mtu"])
        return cls(**given | {"offline": given.get("offline", "0") != "0"})

    @property
    def network(self) -> str:
        """The network of the cluster's nodes."""
        return f"{self.cluster}-kind"

    @property
    def node(self) -> str:
        """The container of the cluster's one node."""
        return f"{self.cluster}-control-plane"

    @property
    def kubectl(self) -> list[str]:
        """kubectl, for this cluster and no other."""
        return ["kubectl", "--context", f"kind-{self.cluster}"]

    @property
    def apply(self) -> list[str]:
        """Server-side: Argo's definitions are larger than the annotation in which kubectl would keep them."""
        return [*self.kubectl, "apply", "--server-side", "--force-conflicts"]

    @property
    def helm(self) -> list[str]:
        """Helm, for this cluster and no other."""
        return ["helm", "--kube-context", f"kind-{self.cluster}", "--namespace", NAMESPACE]

    @property
    def kind_environment(self) -> dict[str, str]:
        """The environment in which kind takes the provider and the network."""
        return {
            **os.environ,
            "KIND_EXPERIMENTAL_PROVIDER": self.provider,
            f"KIND_EXPERIMENTAL_{self.provider.upper()}_NETWORK": self.network,
        }
