"""A server that answers as Tiingo does, made of the sample's prices: in the process, or over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from stocks.providers.alphavantage.answers import DAILY, SERIES_KEYS
from stocks.providers.sample.data import Sample

KEY = "0123456789abcdef0123456789abcdef01234567"
_PRICING = "Please upgrade at https://api.tiingo.com/pricing to have your limits increased."
HOUR = f"Error: You have run over your hourly request allocation. {_PRICING}"
DAY = f"Error: You have run over your daily request allocation. {_PRICING}"
MONTH = f"You have run over your 500 symbol look up for this month. {_PRICING}"
BANDWIDTH = f"Error: You have run over your monthly bandwidth allocation. {_PRICING}"


@dataclass(kw_only=True)
class TiingoApi:
    """What it knows, and what it is asked for."""

    as_of: date | None = None
    """The day that it is; the sample's last one where None."""
    dearer: float = 0.0
    """Added to each price, so that its bars can be told from the sample's."""
    pence_from: str = "9999"
    """From this day on its prices are in hundredths."""
    status: int = 200
    text: str = ""
    """With it, or with another status, every request is answered so."""
    asked: list[str] = field(default_factory=list)
    """Paths and queries."""

    def answer(self, target: str, authorization: str) -> tuple[int, bytes]:
        """Status and body."""
        self.asked.append(target)
        url = urlsplit(target)
        parts = url.path.strip("/").split("/")
        if authorization != f"Token {KEY}":
            return 401, b'{"detail":"Invalid token."}'
        if self.text or self.status != 200:
            return self.status, self.text.encode()
        if parts[:2] != ["tiingo", "daily"] or parts[3:] != ["prices"] or parts[2].upper() not in self._symbols():
            return 404, b'{"detail":"Not found."}'
        first = parse_qs(url.query).get("startDate", ["9999-12-31"])[0]
        rows = [self._row(day, bar) for day, bar in sorted(self._bars(parts[2].upper()).items()) if day >= first]
        return 200, json.dumps(rows, separators=(",", ":")).encode()

    def _symbols(self) -> list[str]:
        return Sample(self.as_of).symbols()

    def _bars(self, symbol: str) -> dict[str, dict[str, str]]:
        query = {"function": DAILY.name, "symbol": symbol, "outputsize": "full"}
        series: dict[str, dict[str, str]] = json.loads(Sample(self.as_of).answer(query))[SERIES_KEYS[DAILY]]
        return series

    def _row(self, day: str, bar: dict[str, str]) -> dict[str, Any]:
        told = {label.split(" ", 1)[1]: float(value) for label, value in bar.items()}
        factor = told["adjusted close"] / told["close"]
        times = 100 if day >= self.pence_from else 1
        prices = {name: round(times * told[name] + self.dearer, 4) for name in ("close", "high", "low", "open")}
        adjusted = {f"adj{name.capitalize()}": price * factor for name, price in prices.items()}
        return {
            "date": f"{day}T00:00:00.000Z",
            **prices,
            "volume": int(told["volume"]),
            **adjusted,
            "adjVolume": int(told["volume"]),
            "divCash": told["dividend amount"],
            "splitFactor": told["split coefficient"],
        }


class TiingoTransport(httpx.BaseTransport):
    """Answers an httpx client without a network."""

    def __init__(self, api: TiingoApi) -> None:
        self.api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        status, body = self.api.answer(request.url.raw_path.decode(), request.headers.get("Authorization", ""))
        return httpx.Response(status, content=body)


class _Handler(BaseHTTPRequestHandler):
    api: TiingoApi

    def do_GET(self) -> None:
        status, body = self.api.answer(self.path, self.headers.get("Authorization", ""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Logs nothing."""


@contextmanager
def serving(api: TiingoApi) -> Iterator[str]:
    """Serves it over HTTP until the context ends; gives its address."""
    handler = type("Handler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
