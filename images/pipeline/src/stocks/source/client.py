"""The provider's client: time-outs, bounded retries, a budget, and no way out for the API key."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Protocol

import httpx
import tenacity

from stocks.errors import (
    ConfigError,
    KeyRejected,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    Throttled,
    TransientError,
)
from stocks.settings import Settings, SourceName
from stocks.source.answers import BURST_WAIT, KEY_HINT, check_answer, is_free_burst
from stocks.source.endpoint import Answer, Endpoint
from stocks.source.redaction import Redaction
from stocks.source.sample import Sample, SampleTransport

TRIES = 4
"""How often a request is sent at most."""
_BACK_OFF = tenacity.wait_exponential(multiplier=0.5, max=10) + tenacity.wait_random(0, 0.5)
_LONGEST_WAIT = 60.0
_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)

# httpx writes whole URLs at INFO. A logger's filter does not see what its children log, hence httpcore's.
_URL_LOGGERS = (
    "httpx",
    "httpcore",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy")),
)

# Alpha Vantage's public key: no secret, and too common a word to take out of the provider's texts.
_DEMO_KEY = "demo"
# A shorter key, or a number, could not be told from the data that it would be taken out of.
_SHORTEST_KEY = 4

_log = logging.getLogger(__name__)


class RequestBudget(Protocol):
    """The requests that may be made with one key, shared by every process that uses it."""

    def acquire(self) -> float:
        """Takes one request; gives the seconds to wait before it is sent.

        Raises:
            QuotaSpent: The day's requests are used up.
        """
        ...

    def exhaust(self) -> None:
        """Notes that the provider refuses more requests today."""
        ...


class Unlimited:
    """The budget of a source that costs nothing: the sample."""

    def acquire(self) -> float:
        """Takes a request; there is nothing to wait for."""
        return 0.0

    def exhaust(self) -> None:
        """Forgets it: the next request may be sent all the same."""


class Source:
    """Where prices come from. Safe to share between threads.

    Args:
        name: What answers carry as their source.
        client: Sends the requests; its default parameters hold the API key, so that no frame of ours does.
        url: The provider's address.
        budget: Is asked before every try.
        redaction: Takes the API key out of answers and errors.
        clock: The source's idea of now, aware.
        symbols: The symbols that the source has; None where it must be asked.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        *,
        name: SourceName,
        client: httpx.Client,
        url: str,
        budget: RequestBudget,
        redaction: Redaction,
        clock: Callable[[], datetime],
        symbols: list[str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._client = client
        self._url = url
        self._budget = budget
        self._redaction = redaction
        self._clock = clock
        self._symbols = symbols
        self._sleep = sleep

    def now(self) -> datetime:
        """The source's present moment, in UTC and whole seconds: the sample's is the evening of its day."""
        return self._clock().astimezone(UTC).replace(microsecond=0)

    def symbols(self) -> list[str] | None:
        """The symbols that the source has data for; None where any may be asked for."""
        return None if self._symbols is None else list(self._symbols)

    def fetch(self, endpoint: Endpoint, symbol: str) -> Answer:
        """Asks the provider, again where the fault may pass; every try takes a request of the budget.

        Args:
            endpoint: What to ask for; a daily series is asked for in full.
            symbol: Whose data.

        Raises:
            StocksError: There is no healthy answer; `check_answer` lists the classes. Its `body` is the
                provider's answer where there was one, fit for quarantine.
        """
        bursts: list[bool] = []
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_wait,
            after=lambda state: bursts.append(is_free_burst(_failure(state))),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._try, endpoint, symbol)
        except Throttled as error:
            if not all(bursts):
                raise
            body = error.body
        self._budget.exhaust()
        raise QuotaSpent(
            f"The provider refuses every request, {TRIES} in a row: its quota for the day must be spent.",
            hint="The next scheduled run goes on from here.",
            body=body,
        )

    def _try(self, endpoint: Endpoint, symbol: str) -> Answer:
        """One request."""
        if (wait := self._budget.acquire()) > 0:
            self._sleep(wait)
        body = self._get(endpoint, symbol)
        try:
            check_answer(body, endpoint, symbol)
        except QuotaSpent:
            self._budget.exhaust()
            raise
        return Answer(source=self.name, endpoint=endpoint, symbol=symbol, observed_at=self.now(), body=body)

    def _get(self, endpoint: Endpoint, symbol: str) -> bytes:
        """The body of one answer with HTTP 2xx, redacted."""
        params = {"function": endpoint.value, "symbol": symbol}
        if endpoint is Endpoint.DAILY_ADJUSTED:
            params["outputsize"] = "full"
        response = self._send(params, symbol)
        if isinstance(response, StocksError):
            raise response
        body = self._redaction.body(response.content)
        if failure := _http_failure(response, body, symbol):
            raise failure
        return body

    def _send(self, params: dict[str, str], symbol: str) -> httpx.Response | StocksError:
        """The answer, or why there is none.

        httpx's errors know the request, and with it the key. An error of ours that was raised while one of them
        is handled would keep it as its context: so it is returned.
        """
        try:
            return self._client.get(self._url, params=params)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            return ConfigError(
                "STOCKS_PROVIDER_URL is no address that can be asked.", hint="It looks like https://host/query."
            )
        except httpx.TimeoutException as error:
            return ProviderUnavailable(f"{symbol}: the provider took too long ({type(error).__name__}).")
        except httpx.RequestError as error:
            reason = self._redaction.text(str(error)) or type(error).__name__
            return ProviderUnavailable(f"{symbol}: the provider can't be reached: {reason}.")


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the error asks for, and a back-off with jitter on top."""
    error = _failure(state)
    asked = error.retry_after if isinstance(error, TransientError) else 0.0
    seconds = asked + _BACK_OFF(state)
    _log.info("Next try in %.1f s: %s", seconds, error)
    return seconds


def _http_failure(response: httpx.Response, body: bytes, symbol: str) -> StocksError | None:
    """What the status and the headers of an answer say; None where they say that all is well."""
    status = response.status_code
    asked = response.headers.get("Retry-After", "")
    retry_after = min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 0.0
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled("Too many requests (HTTP 429).", body=body, retry_after=max(retry_after, BURST_WAIT))
    if response.is_server_error or status == httpx.codes.REQUEST_TIMEOUT:
        return ProviderUnavailable(
            f"{symbol}: the provider answered HTTP {status}.", body=body, retry_after=retry_after
        )
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return KeyRejected(f"The provider refuses the API key (HTTP {status}).", hint=KEY_HINT, body=body)
    if not response.is_success:
        return ConfigError(f"The provider answered HTTP {status}.", hint="Is STOCKS_PROVIDER_URL right?", body=body)
    # HTTP's own client checks this; a transport of ours or a cache may not.
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and "Content-Encoding" not in response.headers and len(response.content) < int(length):
        return ProviderUnavailable(f"{symbol}: the answer breaks off after {len(body)} of {length} bytes.", body=body)
    return None


def _checked_key(settings: Settings) -> str:
    """The API key that the settings hold.

    Raises:
        KeyRejected: There is none, or it can't be one.
    """
    secret = settings.alphavantage_api_key
    key = secret.get_secret_value().strip() if secret else ""
    if not key:
        raise KeyRejected("There is no API key for Alpha Vantage.", hint=KEY_HINT)
    if len(key) < _SHORTEST_KEY or key.isdecimal():
        raise KeyRejected("The API key can't be one of Alpha Vantage's.", hint=KEY_HINT)
    return key


@contextmanager
def _quiet_urls(redaction: Redaction) -> Iterator[None]:
    """Keeps URLs, which hold the API key, out of the logs of the HTTP client."""
    loggers = [logging.getLogger(name) for name in _URL_LOGGERS]
    for logger in loggers:
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
        logger.addFilter(redaction)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redaction)


@contextmanager
def open_source(
    settings: Settings,
    budget: RequestBudget,
    *,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Source]:
    """The source that the settings name, open until the context ends.

    Args:
        settings: Names the source, its address and its key.
        budget: Is asked before every request.
        transport: Answers the requests; HTTP where None, or the sample itself where it is in the process.
        clock: Tells Alpha Vantage's time, aware; the sample has its own.
        sleep: Waits for seconds.

    Raises:
        KeyRejected: Alpha Vantage is the source, and there is no key that could be one.
        ConfigError: The sample's day lies outside its data.
    """
    url = settings.stocks_provider_url
    symbols: list[str] | None = None
    if settings.source == "sample":
        sample = Sample(settings.stocks_sample_as_of)
        clock, symbols = sample.now, sample.symbols()
        if transport is None and settings.sample_in_process:
            transport = SampleTransport(sample)
        # A real key may be set beside it: that is not for the sample to see.
        key, secret = "sample", ""
    else:
        key = _checked_key(settings)
        secret = "" if key == _DEMO_KEY else key
    redaction = Redaction(secret)
    with ExitStack() as stack:
        stack.enter_context(_quiet_urls(redaction))
        client = stack.enter_context(httpx.Client(params={"apikey": key}, timeout=_TIMEOUT, transport=transport))
        yield Source(
            name=settings.source,
            client=client,
            url=url,
            budget=budget,
            redaction=redaction,
            clock=clock,
            symbols=symbols,
            sleep=sleep,
        )
