"""`stocks worker`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stocks.errors import ConfigError

_PORT = 7243
_TOKEN = Path("/var/run/argo/token")


def worker(
    at_once: Annotated[int, typer.Option(min=1, help="How many nodes run at a time.")] = 4,
    port: Annotated[int, typer.Option(help="To listen on, on loopback.")] = _PORT,
    token: Annotated[Path, typer.Option(help="File with what Argo's agent must know.")] = _TOKEN,
) -> None:
    """Run the nodes of a workflow that have no pod (nodes=warm): the sidecar of Argo's agent.

    ARTIFACTS_URL, ARTIFACTS_ACCESS_KEY_ID and ARTIFACTS_SECRET_ACCESS_KEY name the artifact store.
    """
    try:
        from argodbt.worker import serve
    except ImportError as error:
        raise ConfigError(
            "The worker's server, argodbt, is not installed.", hint="Install the extra: pip install 'stocks[cluster]'."
        ) from error
    try:
        serve("stocks.cli:main", ["stocks.cli.warm"], at_once=at_once, port=port, token=token, ready=_tell)
    except OSError as error:
        raise ConfigError(
            f"The worker can't start: {error}.", hint="Argo's agent pod has the token and the port."
        ) from error


def _tell(port: int) -> None:
    print(json.dumps({"event": "listening", "port": port}), flush=True)
