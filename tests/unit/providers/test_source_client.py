"""The client: what it asks, when it asks again, what it takes from the budget, and that it keeps the key."""

import gzip
import logging
import subprocess
import sys
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources import open_source

from stocks.errors import (
    ConfigError,
    KeyRejected,
    MalformedPayload,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    TerminalError,
    Throttled,
    TransientError,
    UnknownSymbol,
)
from stocks.providers import Endpoint, Source
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW, WEEKLY
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.providers.client import LONGEST_ANSWER, QUARANTINED, TRIES
from stocks.settings import Settings
from stocks.universe import companies

ROOT = Path(__file__).parents[3]
KEY = "S3CRET+KEY/0123456"
HEALTHY = b'{"Meta Data": {"1. Information": "x"}, "Time Series (Daily)": {"2013-03-01": {"4. close": "1.0"}}}'
NOON = datetime(2026, 10, 1, 12, 0, 0, 999_999, tzinfo=UTC)

Reply = bytes | httpx.Response | Callable[[httpx.Request], httpx.Response]


class Provider(httpx.BaseTransport):
    """Gives replies one after the other, the last one for ever; remembers the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, bytes):
            return httpx.Response(200, content=reply)
        return reply(request) if callable(reply) else reply


class Budget:
    """Counts; gives its waits one after the other, and is spent when there are none left."""

    per_minute = None

    def __init__(self, *waits: float) -> None:
        self.waits = list(waits)
        self.acquired = 0
        self.exhausted = 0
        self.given_back = 0

    def acquire(self, symbol: str) -> float:
        if not self.waits:
            raise QuotaSpent("The day's requests are spent.")
        self.acquired += 1
        return self.waits.pop(0)

    def give_back(self, symbol: str) -> None:
        assert symbol == "IBM"
        self.given_back += 1

    def exhaust(self, period: str) -> None:
        assert period == "day"
        self.exhausted += 1


class Case:
    """A source over a provider and a budget of the test's own, and the seconds that it slept."""

    def __init__(self, source: Source, provider: Provider, budget: Budget, slept: list[float]) -> None:
        self.source, self.provider, self.budget, self.slept = source, provider, budget, slept

    def failure(self, endpoint: Endpoint = DAILY) -> StocksError:
        with pytest.raises(StocksError) as caught:
            self.source.fetch(endpoint, "IBM")
        return caught.value


@contextmanager
def case(*replies: Reply, waits: list[float] | None = None, key: str = KEY, **more: Any) -> Iterator[Case]:
    provider, slept = Provider(*replies), []
    budget = Budget(*([0.0] * 100 if waits is None else waits))
    setting = Settings(_env_file=None, stocks_source="alphavantage", alphavantage_api_key=key, **more)
    with open_source(setting, budget, transport=provider, clock=lambda: NOON, sleep=slept.append) as source:
        yield Case(source, provider, budget, slept)


def status(code: int, body: bytes = b"", **headers: str) -> httpx.Response:
    return httpx.Response(code, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def raising(kind: type[httpx.RequestError]) -> Callable[[httpx.Request], httpx.Response]:
    def reply(request: httpx.Request) -> httpx.Response:
        raise kind(f"failed at {request.url}", request=request)

    return reply


@pytest.mark.parametrize(
    ("endpoint", "body", "more"),
    [
        (DAILY, HEALTHY, {"outputsize": "full"}),
        (WEEKLY, HEALTHY.replace(b"Time Series (Daily)", b"Weekly Adjusted Time Series"), {}),
        (OVERVIEW, b'{"Symbol": "IBM"}', {}),
    ],
)
def test_a_healthy_answer(endpoint: Endpoint, body: bytes, more: dict[str, str]) -> None:
    with case(body) as it:
        answer = it.source.fetch(endpoint, "IBM")
    assert (answer.source, answer.endpoint, answer.symbol, answer.body) == (
        "alphavantage",
        endpoint,
        "IBM",
        body,
    )
    assert answer.observed_at == NOON.replace(microsecond=0)
    (request,) = it.provider.requests
    assert request.url.host == "www.alphavantage.co"
    assert dict(request.url.params) == {"function": endpoint.name, "symbol": "IBM", "apikey": KEY, **more}
    assert it.budget.acquired == 1
    assert it.slept == []


def test_any_symbol_may_be_asked_of_the_provider() -> None:
    with case(HEALTHY) as it:
        assert it.source.has("ANY")
        assert it.source.has("TSCO.LON")
        assert it.source.name == "alphavantage"
        assert it.source.now() == NOON.replace(microsecond=0)


def test_the_budget_says_how_long_to_wait_before_a_request() -> None:
    with case(HEALTHY, waits=[1.5]) as it:
        it.source.fetch(DAILY, "IBM")
        assert it.slept == [1.5]
        assert type(it.failure()) is QuotaSpent
    assert len(it.provider.requests) == 1
    assert it.budget.exhausted == 0  # only the provider's word exhausts a day


PASSING: dict[str, Reply] = {
    "connect": raising(httpx.ConnectError),
    "read": raising(httpx.ReadError),
    "protocol": raising(httpx.RemoteProtocolError),
    "connect time-out": raising(httpx.ConnectTimeout),
    "read time-out": raising(httpx.ReadTimeout),
    "decoding": raising(httpx.DecodingError),
    "500": status(500),
    "503": status(503),
    "408": status(408),
    "cut off": HEALTHY[:-9],
    "cut off by length": status(200, HEALTHY, content_length=str(len(HEALTHY) + 1)),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_is_tried_again(name: str) -> None:
    with case(PASSING[name], PASSING[name], HEALTHY) as it:
        assert it.source.fetch(DAILY, "IBM").body == HEALTHY
    assert it.budget.acquired == len(it.provider.requests) == 3
    first, second = it.slept
    assert 0.5 <= first <= 1.0
    assert 1.0 <= second <= 1.5


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_stays_ends_after_bounded_tries(name: str) -> None:
    with case(PASSING[name]) as it:
        assert type(it.failure()) is ProviderUnavailable
    assert it.budget.acquired == len(it.provider.requests) == TRIES
    assert len(it.slept) == TRIES - 1
    # What the provider never saw, it can't have counted.
    assert it.budget.given_back == (TRIES if name in ("connect", "connect time-out") else 0)


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        (status(429), 1.2, 3),
        (status(429, Retry_After="7"), 7, 9),
        (status(503, Retry_After="7"), 7, 9),
        (status(503, Retry_After="86400"), 60, 62),
        (status(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 0.5, 2),
        (CATALOGUE["burst"].body(), 1.2, 3),
        (CATALOGUE["legacy-minute"].body(), 60, 62),
    ],
)
def test_it_waits_as_long_as_the_provider_asks_for(reply: Reply, least: float, most: float) -> None:
    with case(reply, HEALTHY) as it:
        it.source.fetch(DAILY, "IBM")
    (slept,) = it.slept
    assert least <= slept <= most


@pytest.mark.parametrize("name", ["daily-quota", "daily-quota-2023"])
def test_the_days_quota_ends_it_for_every_process(name: str) -> None:
    with case(CATALOGUE[name].body(apikey=KEY)) as it:
        assert type(it.failure()) is QuotaSpent
    assert it.budget.exhausted == len(it.provider.requests) == 1


def test_a_burst_that_stays_is_the_days_quota() -> None:
    with case(CATALOGUE["burst"].body()) as it:
        error = it.failure()
    assert type(error) is QuotaSpent
    assert error.body == CATALOGUE["burst"].body()
    assert it.budget.exhausted == 1
    assert len(it.provider.requests) == TRIES


@pytest.mark.parametrize(
    "replies",
    [
        [CATALOGUE["premium-burst"].body()],
        [CATALOGUE["premium-minute"].body()],
        [status(429)],
        [status(503), CATALOGUE["burst"].body()],
    ],
)
def test_other_throttling_never_spends_the_day(replies: list[Reply]) -> None:
    with case(*replies) as it:
        assert type(it.failure()) is Throttled
    assert it.budget.exhausted == 0


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (CATALOGUE["bad-symbol"].body("X"), UnknownSymbol),
        (CATALOGUE["bad-key"].body(), KeyRejected),
        (status(401), KeyRejected),
        (status(403), KeyRejected),
        (status(404, b"<html>"), ConfigError),
        (status(302, Location="https://elsewhere.test/"), ConfigError),
        (raising(httpx.UnsupportedProtocol), ConfigError),
    ],
)
def test_what_stays_wrong_is_asked_once(reply: Reply, kind: type[TerminalError]) -> None:
    with case(reply) as it:
        assert type(it.failure()) is kind
    assert len(it.provider.requests) == 1


@pytest.mark.parametrize(
    "url", ["no-address", "ftp://host/query", "http://", "http://host:port/", "::::", "http://host:99999"]
)
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    setting = Settings(_env_file=None, stocks_source="alphavantage", alphavantage_api_key=KEY, stocks_provider_url=url)
    with pytest.raises(ConfigError, match="STOCKS_PROVIDER_URL"), open_source(setting):
        pass


@pytest.mark.parametrize("key", [None, "", "  ", "abc", "123456"])
def test_without_a_key_the_error_says_where_to_get_one(key: str | None) -> None:
    setting = Settings(_env_file=None, stocks_source="alphavantage", alphavantage_api_key=key)
    opening = open_source(setting, transport=Provider(HEALTHY))
    with (
        pytest.raises(KeyRejected, match=r"alphavantage.co/support.*STOCKS_SOURCE=sample") as caught,
        opening,
    ):
        pass
    assert caught.value.exit_code == 78


def test_the_sample_needs_no_key_and_never_sends_one() -> None:
    provider = Provider(HEALTHY)
    setting = Settings(_env_file=None, stocks_source="sample", alphavantage_api_key=KEY)
    with open_source(setting, transport=provider) as source:
        source.fetch(DAILY, "IBM")
    assert KEY not in repr(provider.requests[0].headers)
    assert "apikey" not in provider.requests[0].url.params


def test_without_any_setting_the_sample_answers() -> None:
    with open_source(Settings(_env_file=None, stocks_source=None, alphavantage_api_key=None)) as source:
        answer = source.fetch(DAILY, "FB")
        assert [symbol for symbol in companies() if source.has(symbol)] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert answer.source == "sample"
    assert answer.observed_at == datetime(2013, 3, 1, 23, tzinfo=UTC)


ECHO = f"{KEY} {quote(KEY, safe='')}".encode()
ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY).encode()
LEAKS: dict[str, Reply] = {
    **{name: canned.body(KEY, KEY) for name, canned in CATALOGUE.items() if canned.status == 200},
    **{kind.__name__: raising(kind) for kind in (httpx.ConnectError, httpx.ReadTimeout, httpx.TooManyRedirects)},
    **{str(code): status(code, ECHO) for code in (302, 400, 401, 403, 404, 429, 500)},
    "html with the key": b"<html>" + ECHO,
    "cut off": b'{"key": "' + ECHO,
    "unknown key": b'{"' + ECHO + b'": 1}',
    "escaped name": b'{"' + ESCAPED + b'": 1}',
    "escaped value": b'{"Information": "' + ESCAPED + b'"}',
    "utf-16": ('{"Information": "' + KEY + '"}').encode("utf-16"),
    "unsupported": raising(httpx.UnsupportedProtocol),
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_error_and_no_log_holds_the_key(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with case(LEAKS[name]) as it:
        # As if somebody had asked httpx for more: the filter is what is left then.
        caplog.set_level(logging.DEBUG, logger="httpx")
        error = it.failure()
    chain: list[BaseException] = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    shown = "".join(traceback.format_exception(error)) + "".join(map(repr, chain)) + caplog.text
    shown += (error.body or b"").decode(errors="replace") + error.hint
    assert "S3CRET" not in shown.replace("\0", "").replace("\\x00", "")
    assert ESCAPED.decode() not in shown
    assert not any(isinstance(link, httpx.RequestError) for link in chain)


def test_httpxs_own_log_is_redacted_and_silent_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with case(HEALTHY) as it:
        it.source.fetch(DAILY, "IBM")
        assert "HTTP Request" not in caplog.text
        caplog.set_level(logging.DEBUG, logger="httpx")
        it.source.fetch(DAILY, "IBM")
    assert "apikey=<redacted>" in caplog.text
    assert "S3CRET" not in caplog.text


def test_an_answers_body_does_not_hold_the_key() -> None:
    with case(HEALTHY[:-1] + b', "echo": "' + ECHO + b'"}') as it:
        body = it.source.fetch(DAILY, "IBM").body
    assert body.endswith(b'"echo": "<redacted> <redacted>"}')


@pytest.mark.parametrize("body", [b'{"\\u0000": 1}', b'{"Information": "a\\u0000b"}', b"a\0b"])
def test_an_error_quotes_what_the_run_log_can_keep(body: bytes) -> None:
    with case(body) as it:
        assert "\0" not in str(it.failure())


class Endless(httpx.SyncByteStream):
    """Gives a chunk again and again, behind another one, and counts how often."""

    def __init__(self, chunk: bytes, each: Callable[[], None] = lambda: None, *, first: bytes = b"") -> None:
        self.chunk, self.each, self.first, self.given = chunk, each, first, 0

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        while self.given < 100_000:
            self.given += 1
            self.each()
            yield self.chunk


def bomb(size: int) -> bytes:
    return gzip.compress(b'{"Meta Data": "' + b" " * size)


LARGEST = Settings(_env_file=None).stocks_answer_bytes


@pytest.mark.parametrize(("code", "kind"), [(200, MalformedPayload), (503, ProviderUnavailable)])
def test_of_an_answer_that_never_ends_no_more_is_read_than_its_limit(code: int, kind: type[StocksError]) -> None:
    stream = Endless(b"x" * 2**20)
    tracemalloc.start()
    with case(lambda _: httpx.Response(code, stream=stream)) as it:
        error = it.failure()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert type(error) is kind
    assert stream.given == len(it.provider.requests) * (LARGEST // 2**20 + 1)
    assert error.body == b"x" * QUARANTINED
    assert peak < 1.3 * LARGEST


NOTHING = b"\0\0\0\xff\xff"  # an empty block, and more to come


@pytest.mark.parametrize("packed", [bomb(20 * LARGEST), gzip.compress(b"")[:10] + NOTHING * 2**18], ids=len)
def test_a_packed_answer_is_neither_unpacked_nor_read_beyond_the_limit(packed: bytes) -> None:
    stream = Endless(packed[10:], first=packed[:10])
    tracemalloc.start()
    with case(lambda _: httpx.Response(200, stream=stream, headers={"Content-Encoding": "gzip"})) as it:
        error = it.failure()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert type(error) is MalformedPayload
    assert "larger than 33,554,432 bytes" in error.message
    assert peak < 1.3 * LARGEST
    assert len(it.provider.requests) == 1


GREEDY = """
import sys, zlib
import httpx
from tests.sources import open_source
from stocks.errors import StocksError
from stocks.providers.alphavantage.answers import DAILY
from stocks.settings import Settings

LIMIT, KEY = 64 * 2**20, "S3CRETKEY0123456"
CHUNK = KEY.encode().ljust(2**16, b"x")  # what is taken out of a body is in memory twice
kind = sys.argv[1]

class Body(httpx.SyncByteStream):
    def __init__(self, size):
        self.size = size

    def __iter__(self):
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        for _ in range(self.size // len(CHUNK)):
            yield packer.compress(CHUNK) if kind == "bomb" else CHUNK

class Provider(httpx.BaseTransport):
    def handle_request(self, request):
        headers = {"Content-Encoding": "gzip"} if kind == "bomb" else {}
        return httpx.Response(503 if kind == "503" else 200, stream=Body(self.size), headers=headers)

def most():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

settings = Settings(
    _env_file=None, stocks_source="alphavantage", alphavantage_api_key=KEY, stocks_answer_bytes=LIMIT
)
provider = Provider()
with open_source(settings, transport=provider, sleep=lambda _: None) as source:
    for provider.size in (2**20, 3 * LIMIT):
        before = most()
        try:
            source.fetch(DAILY, "IBM")
        except StocksError as error:
            print(error.message)
print((most() - before) / LIMIT)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's count of a process's memory")
@pytest.mark.parametrize("kind", ["endless", "503", "bomb"])
def test_of_an_answer_beyond_the_limit_a_process_holds_little_more_than_the_limit(kind: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", GREEDY, kind], capture_output=True, text=True, check=False, timeout=300, cwd=ROOT
    )
    *_, message, share = ended.stdout.splitlines() or [ended.stderr, "9"]
    assert ("answered HTTP 503" if kind == "503" else "larger than 67,108,864 bytes") in message
    assert 0.5 < float(share) < 1.3


ROW = b'"2024-05-%02d": {"4. close": "1"}'


@pytest.mark.parametrize(
    ("setting", "least", "body"),
    [
        ("stocks_answer_bytes", len(HEALTHY), HEALTHY),
        ("stocks_answer_rows", 12, b'{"Time Series (Daily)": {%s}}' % b", ".join(ROW % day for day in range(10, 20))),
        ("stocks_answer_nesting", 6, b'{"Time Series (Daily)": {"2024-05-10": {"more": [[["{[\\"{["]]]}}}'),
    ],
)
def test_every_limit_of_an_answer_is_a_setting(setting: str, least: int, body: bytes) -> None:
    with case(body, **{setting: least}) as it:
        assert it.source.fetch(DAILY, "IBM").body == body
    with case(body, **{setting: least - 1}) as it:
        error = it.failure()
    assert type(error) is MalformedPayload
    assert setting.upper() in error.hint
    assert body.startswith(error.body or b"nothing")
    assert len(it.provider.requests) == 1


def test_an_answer_beyond_a_limit_is_quarantined_in_its_first_part() -> None:
    body = HEALTHY[:-1] + b" " * 2 * QUARANTINED + b"}"
    with case(body, stocks_answer_rows=1) as it:
        assert it.failure().body == body[:QUARANTINED]


def test_a_packed_answer_is_unpacked_and_a_false_one_is_a_passing_fault() -> None:
    gzipped = httpx.ByteStream(gzip.compress(HEALTHY))
    with case(lambda _: httpx.Response(200, stream=gzipped, headers={"Content-Encoding": "gzip"})) as it:
        assert it.source.fetch(DAILY, "IBM").body == HEALTHY
    false = httpx.ByteStream(HEALTHY)
    with case(lambda _: httpx.Response(200, stream=false, headers={"Content-Encoding": "gzip"})) as it:
        assert type(it.failure()) is ProviderUnavailable


def test_an_answer_byte_by_byte_has_a_limit_in_all() -> None:
    now = [NOON]

    def tick() -> None:
        now[0] += timedelta(seconds=5)

    stream = Endless(b" ", tick)
    setting = Settings(_env_file=None, stocks_source="alphavantage", alphavantage_api_key=KEY)
    transport = Provider(lambda _: httpx.Response(200, stream=stream))
    with (
        open_source(setting, transport=transport, clock=lambda: now[0], sleep=lambda _: None) as source,
        pytest.raises(ProviderUnavailable, match="too long"),
    ):
        source.fetch(DAILY, "IBM")
    assert stream.given <= TRIES * (LONGEST_ANSWER / timedelta(seconds=5) + 1)


def test_the_public_demo_key_is_no_secret() -> None:
    with case(CATALOGUE["demo-key"].body(), key="demo") as it:
        assert type(it.failure()) is KeyRejected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(), code=st.integers(min_value=200, max_value=599), asked=st.text(max_size=5))
def test_wild_answers_give_errors_of_ours(body: bytes, code: int, asked: str) -> None:
    headers = {"Retry-After": asked.encode("utf-8"), "Content-Length": str(len(body)).encode()}
    with case(lambda _: httpx.Response(code, content=body, headers=headers)) as it:
        error = it.failure()
    assert isinstance(error, TransientError | TerminalError)
    assert all(seconds <= 75 for seconds in it.slept)
