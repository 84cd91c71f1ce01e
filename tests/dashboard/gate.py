"""A TCP forwarder that can be shut and opened, and counts what passes: the wire between dashboard and warehouse."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit


class Gate:
    """Forwards a port of its own to an address.

    Attributes:
        connections: Made since it was opened first.
        received: Bytes that came from the target.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.connections = 0
        self.received = 0
        self._target = target
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0

    def open(self) -> None:
        """Listens, on the same port each time."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuses connections, and cuts those that there are."""
        if self._listener is not None:
            # Closing alone leaves the port listening while accept() waits.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                self.connections += 1
                self._open += [client, server]
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._forward, args=(source, sink, is_answer), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_answer:
                    with self._lock:
                        self.received += len(data)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with self._lock, contextlib.suppress(ValueError):
                self._open.remove(each)
            each.close()


@contextlib.contextmanager
def gated(url: str) -> Iterator[tuple[Gate, str]]:
    """A gate before a warehouse, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    gate = Gate((parts.hostname, parts.port or 5432))
    gate.open()
    login = parts.netloc.rsplit("@", 1)[0]
    try:
        yield gate, urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{gate.port}"))
    finally:
        gate.shut()
