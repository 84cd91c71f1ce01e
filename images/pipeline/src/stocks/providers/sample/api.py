"""The sample over HTTP, for a cluster and for tests, with switches for everything that can go wrong."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stocks.errors import ConfigError
from stocks.providers.alphavantage.catalogue import CATALOGUE, CannedAnswer
from stocks.providers.sample.data import Sample

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong, and with which requests.

    Raises:
        ConfigError: A value makes no sense.
    """

    answer: str = ""
    """Name in the catalogue of the answer given in place of data; data where empty."""
    cut_off: bool = False
    """Whether the connection closes half-way through the body."""
    delay: float = 0.0
    """Seconds before the answer."""
    every: int = 1
    """Only every n-th request goes wrong."""
    after: int = 0
    """The first n requests go well."""

    def __post_init__(self) -> None:
        if self.answer and self.answer not in CATALOGUE:
            raise ConfigError(f"There is no answer {self.answer!r}.", hint=f"There are: {', '.join(CATALOGUE)}.")
        if self.every < 1 or self.after < 0 or self.delay < 0:
            raise ConfigError("Wrong faults: `every` starts at 1, `after` and `delay` at 0.")

    def hit(self, number: int) -> bool:
        """Whether the request with this number, counted from 1, goes wrong."""
        return number > self.after and (number - self.after) % self.every == 0


class SampleApi(ThreadingHTTPServer):
    """Serves /query as the provider does, and /health. It listens once it is made.

    Args:
        sample: Gives the answers.
        faults: What goes wrong.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Raises:
        ConfigError: The address can't be listened on, or the sample's data are not installed.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sample: Sample, faults: Faults, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sample = sample
        self.faults = faults
        self._requests = 0
        self._lock = threading.Lock()
        sample.preload()
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError, TypeError) as error:  # TypeError: the name is no text that can be one
            raise ConfigError(f"Can't listen on {host}:{port}: {error}.") from None

    @property
    def url(self) -> str:
        """What STOCKS_PROVIDER_URL is set to."""
        return f"http://{self.server_address[0]!s}:{self.server_port}/query"

    def next_number(self) -> int:
        """Counts a request; gives its number, from 1."""
        with self._lock:
            self._requests += 1
            return self._requests

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Logs what broke off a request; a client that hangs up is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            _log.exception("A request to the sample failed")


class _Handler(BaseHTTPRequestHandler):
    server: SampleApi
    protocol_version = "HTTP/1.1"
    timeout = 60.0  # an idle connection

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path:
            case "/query":
                self._query(dict(parse_qsl(url.query, keep_blank_values=True)))
            case "/health":
                self._send(CannedAnswer(text="ok\n", content_type="text/plain"))
            case _:
                self._send(CATALOGUE["not-found"])

    def do_HEAD(self) -> None:
        """Says that the way is open, as `stocks doctor` asks."""
        self.send_response(200)
        self.end_headers()

    def _query(self, query: dict[str, str]) -> None:
        faults = self.server.faults
        hit = faults.hit(self.server.next_number())
        if hit:
            time.sleep(faults.delay)
        if hit and faults.answer:
            canned = CATALOGUE[faults.answer]
            body = canned.body(query.get("function", ""), query.get("apikey", ""))
            self._send(canned, body, cut_off=faults.cut_off)
        else:
            self._send(CannedAnswer(text=""), self.server.sample.answer(query), cut_off=hit and faults.cut_off)

    def _send(self, answer: CannedAnswer, body: bytes | None = None, *, cut_off: bool = False) -> None:
        body = answer.body() if body is None else body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut_off else body)
        self.close_connection = self.close_connection or cut_off

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Logs nothing: a request line holds the API key."""


@contextmanager
def running(api: SampleApi) -> Iterator[str]:
    """Answers requests in the background until the context ends; gives the URL."""
    thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api.url
    finally:
        api.shutdown()
        thread.join()
        api.server_close()
