"""The sidecar's server, by Argo's contract of executor plugins.

POST /api/v1/template.execute is answered when the node has ended, which spares Argo a call a second; a node that takes
longer than a call may is answered as Running, and asked for again. Whoever asks must know the token that the agent pod
gave to both of its containers.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from argodbt.worker.artifacts import Artifacts
from argodbt.worker.node import Ended, Malformed, Node
from argodbt.worker.pool import Pool

TOKEN = Path("/var/run/argo/token")
PORT = 7243
_PATH = "/api/v1/template.execute"
_AT_FIRST = 2.0  # seconds until a node is called Running
_LATER = 20.0  # Argo's agent waits 30 for an answer
_MALFORMED = 78  # EX_CONFIG
_LARGEST = 1 << 20  # bytes of a request: a template is some thousand


class Server(ThreadingHTTPServer):
    """Answers for a pool.

    Args:
        pool: Runs the nodes.
        token: Who asks must know it.
        port: On loopback; 0: any that is free.
        patience: Seconds after which a node is called Running, at first and later.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, pool: Pool, token: str, *, port: int = PORT, patience: tuple[float, float] = (_AT_FIRST, _LATER)
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pool, self.token, self.patience = pool, token, patience

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to template.execute."""
        try:
            node = Node.of_request(request)
        except Malformed as error:
            return Ended(exit_code=_MALFORMED, message=f"The template is not for this worker: {error}").reply
        if node is None:
            return {}  # another plugin's
        is_known = self.pool.knows(node)
        ended = self.pool.ended(node, patience=self.patience[is_known])
        if ended is not None:
            return ended.reply
        # A phase is told once: each time it is told, Argo writes it down.
        return {"node": {"phase": "" if is_known else "Running"}, "requeue": "1s"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Argo's agent asks."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length <= _LARGEST else b""
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            self._say(HTTPStatus.FORBIDDEN, {"message": "wrong token"})
        elif self.path != _PATH:
            self._say(HTTPStatus.NOT_FOUND, {"message": "unknown method"})
        else:
            try:
                request = json.loads(body)
            except ValueError:
                self._say(HTTPStatus.BAD_REQUEST, {"message": "no JSON, or too much of it"})
            else:
                self._say(HTTPStatus.OK, self.server.answer(request))

    def log_message(self, *_: object) -> None:
        """Says nothing: standard output is the nodes'."""

    def _say(self, status: HTTPStatus, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(
    program: str,
    preload: Sequence[str],
    *,
    at_once: int,
    port: int = PORT,
    token: Path = TOKEN,
    ready: Callable[[int], object] = lambda _: None,
) -> None:
    """Serves until SIGTERM; listens at once, and imports behind that.

    Args:
        program: module:function that runs a command line in sys.argv.
        preload: Modules that it needs.
        at_once: How many nodes run at a time.
        port: On loopback; 0: any that is free.
        token: The file with the token.
        ready: Told the port when it listens.

    Raises:
        OSError: The token can't be read, or the port is taken.
    """
    artifacts = Artifacts.taken_from(os.environ)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    pool = Pool(program, preload, artifacts=artifacts, at_once=at_once)
    with Server(pool, token.read_text().strip(), port=port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready(server.server_port)
        pool.warm_up()
        stopped.wait()
        pool.close()
        server.shutdown()
