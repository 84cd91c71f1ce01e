"""A dashboard in a process of its own, and the browser to look at it with."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import stocks_dashboard

APP = f"{stocks_dashboard.__path__[0]}/app.py"
SCRIPT = f"{stocks_dashboard.__path__[0]}/script.py"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""Of Chromium, wherever it runs: as root in a container without a network, too."""


@contextlib.contextmanager
def serving(
    warehouse_url: str, *, app: str = APP, python: str = sys.executable, **settings: str
) -> Iterator[tuple[str, int]]:
    """A dashboard that has just started: `localhost:port`, and its process.

    Args:
        warehouse_url: What it shows.
        app: Another checkout's script.
        python: That checkout's interpreter.
        settings: More of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [python, "-m", "streamlit", "run", app, f"--server.port={port}"],
        env={**os.environ, "STOCKS_WAREHOUSE_URL": warehouse_url, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_health(f"http://localhost:{port}{settings.get('STREAMLIT_SERVER_BASE_URL_PATH', '')}/_stcore/health")
        yield f"localhost:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await_health(address: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError("the dashboard did not start")
