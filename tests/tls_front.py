"""TLS before a PostgreSQL that has none, as a cloud's proxy has it: the wheel's server was built without."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

_TLS, _GSS = 80877103, 80877104
_REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for this host, no encryption\0\0"


@contextlib.contextmanager
def tls_front(server: int, certificate: Path, key: Path, *, keeps_options: bool = True) -> Iterator[int]:
    """A port on loopback that takes connections with TLS alone, and hands them to a server's port.

    Args:
        server: The port behind it.
        certificate: That it shows.
        key: Of the certificate.
        keeps_options: Whether the server hears of the options that a client asks for; PgBouncer, told to, drops them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Session(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # a client that goes away, or does not like the certificate
                while (asked := struct.unpack("!ii", _exactly(self.request, 8))[1]) == _GSS:
                    self.request.sendall(b"N")
                if asked != _TLS:
                    self.request.sendall(b"E" + struct.pack("!i", len(_REFUSAL) + 4) + _REFUSAL)
                    return
                self.request.sendall(b"S")
                with (
                    context.wrap_socket(self.request, server_side=True) as client,
                    socket.create_connection(("127.0.0.1", server)) as behind,
                ):
                    if not keeps_options:
                        behind.sendall(_without_options(client))
                    back = threading.Thread(target=_pump, args=(behind, client))
                    back.start()
                    _pump(client, behind)
                    back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Session) as front:
        threading.Thread(target=front.serve_forever, daemon=True).start()
        yield front.server_address[1]
        front.shutdown()


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        if not (more := connection.recv(count - len(found))):
            raise ConnectionError
        found += more
    return found


def _without_options(client: socket.socket) -> bytes:
    """The client's first message, without what it asks of the server's process."""
    (length,) = struct.unpack("!i", _exactly(client, 4))
    body = _exactly(client, length - 4)
    words = body[4:].split(b"\0")
    pairs = [pair for pair in zip(words[::2], words[1::2], strict=False) if pair[0] not in {b"", b"options"}]
    kept = body[:4] + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
    return struct.pack("!i", len(kept) + 4) + kept


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Hands on what comes until it ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
