"""The one HTTP client of all providers: time-outs, bounded retries, a budget, and no way out for the API key."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Self

import httpx
import tenacity

from stocks.errors import (
    ConfigError,
    KeyRejected,
    MalformedPayload,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    Throttled,
    TransientError,
)
from stocks.providers import json_text
from stocks.providers.inflate import gzip_unpacker, inflate
from stocks.providers.provider import (
    BURST_WAIT,
    Answer,
    ApiKey,
    Endpoint,
    Provider,
    RequestBudget,
)
from stocks.providers.redaction import Redaction
from stocks.settings import Settings

TRIES = 4
"""How often a request is sent at most."""
_BACK_OFF = tenacity.wait_exponential(multiplier=0.5, max=10) + tenacity.wait_random(0, 0.5)
_LONGEST_WAIT = 60.0
_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)

LONGEST_ANSWER = timedelta(minutes=5)
"""How long an answer may take from its first byte to its last."""
_SLOW_ANSWER = 5.0
"""Seconds that a long series takes on a slow day: so long a request is under way."""
_AT_ONCE_AT_MOST = 32
"""Each holds an answer in memory, and a connection."""
QUARANTINED = 2**20
"""Bytes that are kept of an answer beyond a limit."""

# There was no connection, so that the provider can't have counted the request.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

# httpx writes whole URLs at INFO. A logger's filter does not see what its children log, hence httpcore's.
_URL_LOGGERS = (
    "httpx",
    "httpcore",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy")),
)

# A shorter key, or a number, could not be told from the data that it would be taken out of.
_SHORTEST_KEY = 4

_log = logging.getLogger(__name__)


class Source:
    """A provider in force, to be asked while its context is open. Safe to share between threads.

    Args:
        provider: What it is.
        settings: Name the series, the sample's day, and how large an answer may be.
        budget: Is asked before every try.
        key: The API key; the HTTP client alone holds it, as a default parameter or header.
        url: Its address; the provider's own where None.
        transport: Answers the requests; HTTP where None, or what stands in for the provider.
        clock: The source's idea of now, aware, unless what stands in for it has its own.
        sleep: Waits for seconds.

    Raises:
        ConfigError: The provider has no such series, or what stands in for it can't.
    """

    def __init__(
        self,
        provider: Provider,
        settings: Settings,
        budget: RequestBudget,
        *,
        key: str,
        url: str | None,
        transport: httpx.BaseTransport | None,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.provider = provider
        self.name = provider.name
        self.series = provider.series(settings.stocks_series)
        """The endpoint of the series that is fetched from it."""
        self.is_default_series = settings.stocks_series is None
        """Whether it is that because none was chosen."""
        self._stand_in = stand_in = provider.stand_in(settings)
        if transport is None and url is None and stand_in is not None:
            transport = stand_in.transport
        params, headers = _credentials(provider.key, key)
        try:
            self._client = httpx.Client(
                params=params, headers=headers | {"Accept-Encoding": "gzip"}, timeout=_TIMEOUT, transport=transport
            )
        except (ImportError, OSError, ValueError) as error:  # its text may hold a proxy's password
            raise ConfigError(
                f"The HTTP client can't be made ({type(error).__name__}).",
                hint="Check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY (http:// or https://) and SSL_CERT_FILE.",
            ) from None
        self._most_bytes = settings.stocks_answer_bytes
        self._most_rows = settings.stocks_answer_rows
        self._deepest = settings.stocks_answer_nesting
        self._redaction = Redaction("" if provider.key is None or key == provider.key.public else key)
        self._url = (url or provider.url).rstrip("/")
        self._budget = budget
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> Self:
        for logger in map(logging.getLogger, _URL_LOGGERS):  # URLs may hold the key
            if logger.level < logging.WARNING:
                logger.setLevel(logging.WARNING)
            logger.addFilter(self._redaction)
        return self

    def __exit__(self, *_: object) -> None:
        for logger in map(logging.getLogger, _URL_LOGGERS):
            logger.removeFilter(self._redaction)
        self._client.close()

    def now(self) -> datetime:
        """The source's present moment, in UTC and whole seconds: the sample's is the evening of its day."""
        now = self._clock() if self._stand_in is None else self._stand_in.now
        return now.astimezone(UTC).replace(microsecond=0)

    def latest(self) -> datetime:
        """The latest moment at which an answer can have been given (aware). The sample's day may go back at will."""
        return max(self._clock(), self.now())

    @property
    def at_once(self) -> int:
        """How many requests may be under way: as many as the budget lets begin while an answer is waited for."""
        per_minute = self._budget.per_minute
        return 1 if per_minute is None else min(max(round(per_minute / 60 * _SLOW_ANSWER), 1), _AT_ONCE_AT_MOST)

    def has(self, symbol: str) -> bool:
        """Whether the source may have data of a symbol; where it is known not to, it is not asked."""
        return self.provider.has(symbol) if self._stand_in is None else symbol in self._stand_in.symbols

    def fetch(self, endpoint: Endpoint, symbol: str, since: date | None = None) -> Answer:
        """Asks the provider, again where the fault may pass; every try takes a request of the budget.

        Args:
            endpoint: What to ask for.
            symbol: Whose data.
            since: The first day that matters, of an endpoint that has tails; the whole series where None.

        Raises:
            StocksError: There is no healthy answer; `Provider.check` lists the classes. Its `body` is the
                provider's answer where there was one, fit for quarantine.
        """
        may_be_spent: list[bool] = []
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_wait,
            after=lambda state: may_be_spent.append(getattr(_failure(state), "or_spent", False)),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._try, endpoint, symbol, since)
        except Throttled as error:
            if not all(may_be_spent):
                raise
            body = error.body
        self._budget.exhaust("day")
        raise QuotaSpent(
            f"{self.provider.title} refuses every request, {TRIES} in a row: its quota for the day must be spent.",
            hint="The next scheduled run goes on from here.",
            body=body,
        )

    def _try(self, endpoint: Endpoint, symbol: str, since: date | None) -> Answer:
        """One request."""
        if (wait := self._budget.acquire(symbol)) > 0:
            self._sleep(wait)
        try:
            body = self._get(endpoint, symbol, since)
            self.provider.check(body, endpoint, symbol)
        except QuotaSpent as error:
            if error.period != "month":  # of a month's symbols, those that were asked for before are still answered
                self._budget.exhaust(error.period)
            raise
        return Answer(
            source=self.name,
            endpoint=endpoint,
            symbol=symbol,
            observed_at=self.now(),
            body=body,
            is_tail=since is not None,
        )

    def _get(self, endpoint: Endpoint, symbol: str, since: date | None) -> bytes:
        """The body of one answer with HTTP 2xx, redacted."""
        asked = self.provider.request(endpoint, symbol, since)
        got = self._send(self._url + asked.path, dict(asked.params), symbol)
        if isinstance(got, StocksError):
            raise got
        response, body, beyond = got
        if failure := self._http_failure(response, body, endpoint, symbol):
            raise failure
        if beyond:
            wrong, setting = beyond
            raise MalformedPayload(
                f"{symbol}: the answer to {endpoint.name} {wrong}.",
                hint=f"Its beginning is in quarantine. Does STOCKS_PROVIDER_URL name the provider? See {setting}.",
                body=body,
            )
        return body

    def _beyond(self, content: bytes, *, is_whole: bool) -> tuple[str, str] | None:
        """Which limit an answer goes beyond, in words, and its setting."""
        if not is_whole:
            return f"is larger than {self._most_bytes:,} bytes", "STOCKS_ANSWER_BYTES"
        depth, objects = json_text.shape(content, deepest=self._deepest, most=self._most_rows)
        if depth > self._deepest:
            return f"is nested more than {self._deepest:,} deep", "STOCKS_ANSWER_NESTING"
        if objects > self._most_rows:
            return f"holds more than {self._most_rows:,} rows", "STOCKS_ANSWER_ROWS"
        return None

    def _send(
        self, url: str, params: dict[str, str], symbol: str
    ) -> tuple[httpx.Response, bytes, tuple[str, str] | None] | StocksError:
        """The answer, its body, redacted, and which limit that goes beyond (it is cut then); or why there is none.

        httpx's errors know the request, and with it the key. An error of ours that was raised while one of them
        is handled would keep it as its context: so it is returned.
        """
        try:
            with self._client.stream("GET", url, params=params) as response:
                content, is_whole = self._read(response)
                beyond, body = self._beyond(content, is_whole=is_whole), self._redaction.body(content)
                # Here, since an error keeps what its frames hold: a large answer would be there while the next one is
                # read. Half of it at most, since a key may stand across its end.
                return response, body[: min(QUARANTINED, len(body) // 2)] if beyond else body, beyond
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            return _no_address(self.provider)
        except _NEVER_SENT as error:
            self._budget.give_back(symbol)
            return self._unreached(error, symbol)
        except httpx.TimeoutException as error:
            return ProviderUnavailable(f"{symbol}: {self.provider.title} took too long ({type(error).__name__}).")
        except httpx.RequestError as error:
            return self._unreached(error, symbol)

    def _read(self, response: httpx.Response) -> tuple[bytes, bool]:
        """The body, unpacked, and whether it is whole: no more is read of it than the limit, however it is packed.

        Of one that isn't the beginning alone is given.

        Raises:
            httpx.ReadTimeout: It takes longer than LONGEST_ANSWER.
            httpx.RemoteProtocolError: It breaks off.
            httpx.DecodingError: It is not packed as it says.
        """
        assert isinstance(response.stream, httpx.SyncByteStream)
        packed = response.headers.get("Content-Encoding", "").lower() in {"gzip", "x-gzip"}
        # httpx unpacks a whole chunk at once, which may become a thousand times as large.
        unpacker = gzip_unpacker() if packed else None
        body, received, until = io.BytesIO(), 0, self._clock() + LONGEST_ANSWER
        for chunk in response.stream:
            received += len(chunk)
            if unpacker:
                try:
                    inflate(unpacker, chunk, body, self._most_bytes + 1)  # a byte more shows that there is more
                except zlib.error as error:
                    raise httpx.DecodingError(str(error)) from None
            else:
                body.write(chunk)
            if max(body.tell(), received) > self._most_bytes:
                body.truncate(min(2 * QUARANTINED, self._most_bytes))  # no more of it is looked at
                return body.getvalue(), False
            if self._clock() > until:
                raise httpx.ReadTimeout("")
        # HTTP's own client checks this; a transport of ours or a cache may not.
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and received < int(length):
            raise httpx.RemoteProtocolError(f"the answer breaks off after {received} of {length} bytes")
        return body.getvalue(), True

    def _unreached(self, error: httpx.RequestError, symbol: str) -> ProviderUnavailable:
        reason = self._redaction.text(str(error)) or type(error).__name__
        return ProviderUnavailable(f"{symbol}: {self.provider.title} can't be reached: {reason}.")

    def _http_failure(
        self, response: httpx.Response, body: bytes, endpoint: Endpoint, symbol: str
    ) -> StocksError | None:
        """What the status and the headers of an answer say; None where they say that all is well."""
        status = response.status_code
        if not response.is_success and (refusal := self.provider.refusal(status, body, endpoint, symbol)):
            return refusal
        asked = response.headers.get("Retry-After", "")
        retry_after = min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 0.0
        told = f"{symbol}: {self.provider.title} answered HTTP {status}."
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return Throttled("Too many requests (HTTP 429).", body=body, retry_after=max(retry_after, BURST_WAIT))
        if response.is_server_error or status == httpx.codes.REQUEST_TIMEOUT:
            return ProviderUnavailable(told, body=body, retry_after=retry_after)
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            hint = self.provider.key.hint if self.provider.key else "Is STOCKS_PROVIDER_URL right?"
            return KeyRejected(f"{self.provider.title} refuses the API key (HTTP {status}).", hint=hint, body=body)
        if not response.is_success:
            return ConfigError(told, hint="Is STOCKS_PROVIDER_URL right?", body=body)
        return None


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the error asks for, and a back-off with jitter on top."""
    error = _failure(state)
    asked = error.retry_after if isinstance(error, TransientError) else 0.0
    seconds = asked + _BACK_OFF(state)
    _log.info("Next try in %.1f s: %s", seconds, error)
    return seconds


def check_address(url: str, provider: Provider) -> httpx.URL:
    """The address that a provider is given.

    Raises:
        ConfigError: It is none that can be asked.
    """
    try:
        found = httpx.URL(url)
        if found.scheme in {"http", "https"} and found.host and 0 <= (found.port or 0) < 2**16:
            return found
    except (httpx.InvalidURL, UnicodeError):  # the latter of a name that IDNA doesn't know
        pass
    raise _no_address(provider)


def _no_address(provider: Provider) -> ConfigError:
    return ConfigError("STOCKS_PROVIDER_URL is no address that can be asked.", hint=f"It looks like {provider.url}.")


def key_of(provider: Provider, settings: Settings) -> str:
    """The API key that the settings hold; empty for a provider that needs none.

    Raises:
        KeyRejected: There is none, or it can't be one.
    """
    if provider.key is None:
        return ""
    secret = getattr(settings, provider.key.setting)
    key = secret.get_secret_value().strip() if secret else ""
    if not key:
        raise KeyRejected(f"There is no API key for {provider.title}.", hint=provider.key.hint)
    if len(key) < _SHORTEST_KEY or key.isdecimal() or not key.isascii():
        raise KeyRejected(f"The API key can't be one of {provider.title}'s.", hint=provider.key.hint)
    return key


def _credentials(where: ApiKey | None, key: str) -> tuple[dict[str, str], dict[str, str]]:
    """The query parameters and the headers that carry the key."""
    if where is None or not key:
        return {}, {}
    return ({where.parameter: key}, {}) if where.parameter else ({}, {where.header: where.prefix + key})
