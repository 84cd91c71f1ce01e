"""What a provider of prices must tell: the seam between it and the rest, which knows providers by this alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

import httpx

from stocks.errors import ConfigError, DataError, StocksError
from stocks.providers.frame import Decoded
from stocks.providers.json_text import storable
from stocks.settings import Settings
from stocks.trading_calendar import exchange_suffix

Interval = Literal["daily", "weekly"]

BURST_WAIT = 1.2
"""Seconds after which a key that is allowed one request a second may surely ask again."""
_EXCERPT = 200

Adjustment = Literal["reinvest_ex_close", "previous_close"]
"""How a dividend D lowers the adjusted closes before its ex-date: by the factor C / (C + D) of the ex-date's close C,
as if reinvested at it, or by 1 - D / P of the close P before it (CRSP, Yahoo)."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Something that a provider can be asked for about a symbol."""

    name: str
    """In bronze keys and gold.dim_source: letters, digits and _."""
    interval: Interval | None
    """Of the bars in its answers; None where they hold no bars but facts of the company."""
    tail: int = 0
    """How many of the newest bars it can be asked for alone, at most; 0: it gives the whole series or nothing."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A healthy answer of a provider."""

    source: str
    """The provider's name."""
    endpoint: Endpoint
    symbol: str
    observed_at: datetime
    """When it was received, by the source's clock: UTC, whole seconds."""
    body: bytes
    """As received, but for the API key."""
    is_tail: bool = False
    """Whether only the newest bars were asked for."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked: added to the provider's address."""

    params: Mapping[str, str]
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a key may ask for; None: as much as it likes."""

    per_minute: int | None = None
    """Requests, spread evenly."""
    per_hour: int | None = None
    per_day: int | None = None
    symbols_per_month: int | None = None
    """Different symbols."""


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """Where a provider's key is found, and how it travels: as a query parameter or in a header."""

    setting: str
    """The field of Settings."""
    hint: str
    """How to come by one, for those who lack it."""
    parameter: str = ""
    header: str = ""
    prefix: str = ""
    """What stands before the key in the header."""
    public: str = ""
    """A key that is no secret, and too common a word to take out of the provider's texts."""


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """What takes a provider's place within the process."""

    transport: httpx.BaseTransport
    """Answers the requests, unless STOCKS_PROVIDER_URL says who does."""
    now: datetime
    """The provider's present moment, aware."""
    symbols: frozenset[str]
    """The symbols that it has."""


def excerpt(text: str | bytes) -> str:
    """As much of an answer's text as an error quotes, fit for PostgreSQL: the run log keeps it."""
    text = storable(text.decode(errors="replace") if isinstance(text, bytes) else text)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


class Provider(ABC):
    """A provider of prices. A new one is a folder with a subclass, and a line in `stocks.providers.PROVIDERS`."""

    name: str
    """In STOCKS_SOURCE, bronze keys and silver's column `source`: letters, digits and _."""
    title: str
    """For people."""
    url: str
    """Its address, where STOCKS_PROVIDER_URL names no other."""
    endpoints: tuple[Endpoint, ...]
    """The first is what is fetched where no series was chosen."""
    adjustment: Adjustment = "reinvest_ex_close"
    """Of its adjusted closes."""
    key: ApiKey | None = None
    """None: it needs none."""
    limits: Limits = Limits()
    """Of its free plan, or of the key that most have."""
    suffixes: frozenset[str] = frozenset()
    """The suffixes of the exchanges, as in the seed `exchange`, whose symbols it has beside New York's."""
    choice: str = ""
    """Told once a run where no series was chosen: why it is this one."""

    @abstractmethod
    def request(self, endpoint: Endpoint, symbol: str, since: date | None) -> Request:
        """How to ask.

        Args:
            endpoint: What for; one of this provider's.
            symbol: Whose data.
            since: The first day that matters; a provider that can't tell days apart gives the whole series.
        """

    @abstractmethod
    def check(self, body: bytes, endpoint: Endpoint, symbol: str) -> None:
        """Returns for the body of an answer (HTTP 2xx) that holds data; the series itself is not decoded.

        Args:
            body: The answer, its API key redacted: errors carry it, and quote from it.
            endpoint: What was asked for.
            symbol: Whose data were asked for.

        Raises:
            UnknownSymbol: There are no data for the symbol.
            KeyRejected: The key is wrong or missing.
            NotEntitled: The key's plan does not include the endpoint.
            ConfigError: The provider does not know what it was asked for.
            QuotaSpent: The requests of an hour or a day, or the symbols of a month, are spent.
            Throttled: Too many requests within a second or a minute.
            ProviderUnavailable: The body breaks off.
            MalformedPayload: It is none of these, and holds no data.
        """

    def refusal(self, status: int, body: bytes, endpoint: Endpoint, symbol: str) -> StocksError | None:  # noqa: ARG002
        """What an answer with another status than HTTP 2xx says; None where it is what HTTP says of that status."""
        return None

    @abstractmethod
    def read(self, body: bytes, endpoint: Endpoint) -> Decoded:
        """The series in the body of a healthy answer, unjudged.

        Raises:
            MalformedPayload: The body holds no series.
        """

    def read_company(self, body: bytes, symbol: str) -> dict[str, str | None]:  # noqa: ARG002
        """A company's attributes, by column of silver.company, from an answer that holds no bars.

        Raises:
            MalformedPayload: The body holds none, or another symbol's.
            DataError: The provider has no such answers.
        """
        raise DataError(f"The source {self.name} tells no facts of companies.")

    def stand_in(self, settings: Settings) -> StandIn | None:  # noqa: ARG002
        """What answers in its place; None where the provider itself is asked."""
        return None

    def has(self, symbol: str) -> bool:
        """Whether a symbol can be one of this provider's."""
        return exchange_suffix(symbol) in {"", *self.suffixes}

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name.

        Raises:
            DataError: The provider has none of that name.
        """
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise DataError(f"The source {self.name} has no endpoint {name!r}.")

    def series(self, chosen: str | None) -> Endpoint:
        """The endpoint of the setting STOCKS_SERIES.

        Raises:
            ConfigError: The provider has no such series.
        """
        named = {f"{endpoint.interval}_adjusted": endpoint for endpoint in self.endpoints if endpoint.interval}
        if chosen is None:
            return next(iter(named.values()))
        if chosen in named:
            return named[chosen]
        raise ConfigError(
            f"{self.title} has no series {chosen}.",
            hint=f"Set STOCKS_SERIES to {' or '.join(named)}, or leave it out: each source has one of its own.",
        )


class RequestBudget(Protocol):
    """The requests that may be made with one key, shared by every process that uses it."""

    @property
    def per_minute(self) -> int | None:
        """How many may be sent in a minute; None where nothing is known, so that one waits for the other."""
        ...

    def acquire(self, symbol: str) -> float:
        """Takes one request about a symbol; gives the seconds to wait before it is sent.

        Raises:
            QuotaSpent: The limits allow no more.
        """
        ...

    def give_back(self, symbol: str) -> None:
        """Takes back a request about a symbol, which never reached the provider."""
        ...

    def exhaust(self, period: str) -> None:
        """Notes that the provider refuses more requests in this `hour` or `day`."""
        ...


class Unlimited:
    """The budget of a provider that has no limits, like the sample."""

    per_minute: int | None = None

    def acquire(self, symbol: str) -> float:  # noqa: ARG002
        """Takes a request; there is nothing to wait for."""
        return 0.0

    def give_back(self, symbol: str) -> None:
        """Takes it back; nothing was counted."""

    def exhaust(self, period: str) -> None:
        """Forgets it: the next request may be sent all the same."""
