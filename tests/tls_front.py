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
def tls_front(server: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port on loopback that takes connections with TLS alone, and hands them to a server's port.

    Args:
        server: The port behind it.
        certificate: That it shows.
        key: Of the certificate.
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
    found = connection.recv(count, socket.MSG_WAITALL)
    if len(found) < count:
        raise ConnectionError
    return found


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Hands on what comes until it ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
