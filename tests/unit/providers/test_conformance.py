"""Every provider of the list meets the same hostile answers, and keeps the protocol's promises."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.sources import open_source

from stocks.errors import (
    ConfigError,
    DataError,
    KeyRejected,
    MalformedPayload,
    ProviderUnavailable,
    QuotaSpent,
    StocksError,
    TerminalError,
    Throttled,
    TransientError,
)
from stocks.providers import PROVIDERS, Provider
from stocks.providers.alphavantage.answers import SERIES_KEYS
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.providers.client import TRIES
from stocks.providers.frame import FIELDS
from stocks.settings import Settings
from stocks.silver import ParsedSeries, judge_series
from stocks.trading_calendar import calendar_of

KEY = "S3CRETKEY0123456S3CRETKEY0123456"
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAYS = [day.isoformat() for day in calendar_of("IBM").sessions(date(2024, 1, 2), date(2024, 3, 1))]

Row = dict[str, Any]
Reply = httpx.Response | Callable[[httpx.Request], httpx.Response]


def row(day: str, **changes: object) -> Row:
    """A bar that keeps every rule, by the names of the typed frame."""
    prices = {"open": 100.5, "high": 101.0, "low": 99.0, "close": 100.0, "adjusted_close": 100.0}
    return {"date": day, **prices, "volume": 1_000_000, "dividend_amount": 0.0, "split_coefficient": 1.0, **changes}


def alpha_vantage(rows: list[Row], symbol: str = "IBM") -> bytes:
    def member(bar: Row) -> str:
        told = {f"{place}. {name.replace('_', ' ')}": bar[name] for place, name in enumerate(FIELDS, 1) if name in bar}
        texts = {label: str(value) if isinstance(value, int | float) else value for label, value in told.items()}
        return f"{json.dumps(bar['date'])}: {json.dumps(texts)}"

    endpoint = next(each for each in SERIES_KEYS if each.interval == "daily")
    series = ", ".join(map(member, rows))
    return f'{{"Meta Data": {{"2. Symbol": "{symbol}"}}, "{SERIES_KEYS[endpoint]}": {{{series}}}}}'.encode()


def tiingo(rows: list[Row], symbol: str = "IBM") -> bytes:
    names = {"adjusted_close": "adjClose", "dividend_amount": "divCash", "split_coefficient": "splitFactor"}
    told = [{names.get(name, name): value for name, value in bar.items()} for bar in rows]
    return json.dumps([{**bar, "date": f"{bar['date']}T00:00:00.000Z"} for bar in told]).encode()


FORMATS: dict[str, Callable[..., bytes]] = {"alphavantage": alpha_vantage, "sample": alpha_vantage, "tiingo": tiingo}
"""How a provider writes daily rows; a new one brings its own way."""

LIMITS: dict[str, list[str]] = {
    "alphavantage": [CATALOGUE["daily-quota"].body(apikey=KEY).decode(), CATALOGUE["daily-quota-2023"].body().decode()],
    "sample": [CATALOGUE["daily-quota"].body(apikey=KEY).decode()],
    "tiingo": [
        "Error: You have run over your hourly request allocation.",
        '{"detail": "You have run over your 500 symbol look up for this month."}',
    ],
}

everyone = pytest.mark.parametrize("name", PROVIDERS)


class Case:
    """A provider behind replies that come one after the other, the last one for ever."""

    def __init__(self, name: str, *replies: Reply) -> None:
        self.name, self.replies = name, list(replies)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        keys = {field: KEY for field in Settings.model_fields if field.endswith("_api_key")}
        self.settings = Settings(_env_file=None, stocks_source=name, stocks_series="daily_adjusted", **keys)

    def fetch(self) -> bytes:
        def answer(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            return reply(request) if callable(reply) else reply

        transport = httpx.MockTransport(answer)
        with open_source(self.settings, transport=transport, clock=lambda: NOW, sleep=self.slept.append) as source:
            return source.fetch(source.series, "IBM").body

    def failure(self) -> StocksError:
        with pytest.raises(StocksError) as caught:
            self.fetch()
        return caught.value


def body_of(name: str, rows: list[Row] | None = None, **more: str) -> bytes:
    return FORMATS[name](rows or [row(day) for day in DAYS[:3]], **more)


def ok(body: bytes, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def raising(kind: type[httpx.RequestError]) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        raise kind(f"failed at {request.url} {request.headers}", request=request)

    return reply


def judged(name: str, rows: list[Row], **more: str) -> ParsedSeries:
    provider = PROVIDERS[name]
    return judge_series(
        provider.read(body_of(name, rows, **more), provider.series("daily_adjusted")),
        symbol="IBM",
        interval="daily",
        observed_at=NOW,
        calendar=calendar_of("IBM"),
        adjustment=provider.adjustment,
    )


# --- what a provider tells of itself


@everyone
def test_it_tells_what_the_protocol_asks(name: str) -> None:
    provider: Provider = PROVIDERS[name]
    assert provider.name == name
    assert provider.title
    assert all(part.replace("_", "").isalnum() for part in (name, *(each.name for each in provider.endpoints)))
    series = [each.interval for each in provider.endpoints if each.interval]
    assert series
    assert len(series) == len(set(series))
    assert provider.series(None) == next(each for each in provider.endpoints if each.interval)
    assert provider.has("IBM")
    if provider.key is not None:
        assert provider.key.setting in Settings.model_fields
        assert bool(provider.key.parameter) != bool(provider.key.header)
        assert provider.key.setting.upper() in provider.key.hint


@everyone
def test_a_healthy_answer_is_given_as_received_and_read_into_the_frame(name: str) -> None:
    case = Case(name, ok(body_of(name)))
    assert case.fetch() == body_of(name)
    assert len(case.requests) == 1
    decoded = PROVIDERS[name].read(body_of(name), PROVIDERS[name].series("daily_adjusted"))
    assert decoded.rows.schema == {
        "row": pl.UInt32,
        "date_text": pl.String,
        **dict.fromkeys(FIELDS, pl.Float64),
    }
    assert decoded.rows["date_text"].to_list() == DAYS[:3]
    told = judged(name, [row(day) for day in DAYS])
    assert (len(told.bars), told.refused, len(told.rejects)) == (len(DAYS), "", 0)


@everyone
def test_its_key_travels_where_it_says(name: str) -> None:
    case = Case(name, ok(body_of(name)))
    case.fetch()
    (request,) = case.requests
    key = PROVIDERS[name].key
    assert (KEY in str(request.url)) == bool(key and key.parameter)
    assert (KEY in str(request.headers.raw)) == bool(key and key.header)


@everyone
def test_without_its_key_it_is_not_opened(name: str) -> None:
    if PROVIDERS[name].key is None:
        return
    settings = Settings(_env_file=None, stocks_source=name)
    with pytest.raises(KeyRejected, match=PROVIDERS[name].title), open_source(settings):
        pass


# --- HTTP


@everyone
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_server_that_fails_is_asked_again(name: str, status: int) -> None:
    case = Case(name, ok(b"oops", status), ok(body_of(name)))
    assert case.fetch() == body_of(name)
    assert type(Case(name, ok(b"oops", status)).failure()) is ProviderUnavailable


@everyone
@pytest.mark.parametrize("kind", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ConnectError, httpx.ReadError])
def test_a_network_that_fails_is_tried_again(name: str, kind: type[httpx.RequestError]) -> None:
    case = Case(name, raising(kind))
    assert type(case.failure()) is ProviderUnavailable
    assert len(case.requests) == TRIES


@everyone
@pytest.mark.parametrize(("status", "kind"), [(401, KeyRejected), (403, KeyRejected), (400, ConfigError)])
def test_a_refusal_is_not_asked_again(name: str, status: int, kind: type[StocksError]) -> None:
    case = Case(name, ok(b"<html>", status))
    assert type(case.failure()) is kind
    assert len(case.requests) == 1


@everyone
@pytest.mark.parametrize("body", [b"<html>", b"Not Found", b'{"detail":"Not found."}'])
def test_not_found_is_terminal(name: str, body: bytes) -> None:
    case = Case(name, ok(body, 404))
    assert isinstance(case.failure(), TerminalError)
    assert len(case.requests) == 1


@everyone
@pytest.mark.parametrize(("asked", "least", "most"), [("7", 7, 9), ("86400", 60, 62), ("soon", 1.2, 3), ("", 1.2, 3)])
def test_too_many_requests_wait_as_long_as_they_are_told(name: str, asked: str, least: float, most: float) -> None:
    case = Case(name, ok(b"slow down", 429, Retry_After=asked), ok(body_of(name)))
    case.fetch()
    (slept,) = case.slept
    assert least <= slept <= most
    assert type(Case(name, ok(b"slow down", 429)).failure()) is Throttled


@everyone
def test_a_limit_ends_it_at_once(name: str) -> None:
    for text in LIMITS[name]:
        case = Case(name, ok(text.encode()))
        assert type(case.failure()) is QuotaSpent
        assert len(case.requests) == 1


# --- bodies that are none


@everyone
def test_a_body_that_breaks_off_anywhere_is_a_passing_fault(name: str) -> None:
    whole = body_of(name)
    provider = PROVIDERS[name]
    for cut in range(len(whole)):
        with pytest.raises(ProviderUnavailable):
            provider.check(whole[:cut], provider.series("daily_adjusted"), "IBM")


@everyone
def test_a_body_shorter_than_announced_is_a_passing_fault(name: str) -> None:
    whole = body_of(name)
    case = Case(name, lambda _: ok(whole, Content_Length=str(len(whole) + 1)))
    assert type(case.failure()) is ProviderUnavailable


@everyone
@pytest.mark.parametrize(
    "body", [b"<html>wait</html>", b"[]", b"{}", b"null", b"1", b'"?"', b"\xff\xfe", b"date,open\n", b"[1", b"{}x"]
)
def test_a_body_that_holds_no_series_is_no_answer(name: str, body: bytes) -> None:
    error = Case(name, ok(body)).failure()
    assert isinstance(error, DataError | ProviderUnavailable)
    assert error.body == body
    if b"<html>" in body:
        assert type(error) is MalformedPayload


@everyone
def test_another_symbols_series_is_refused_where_the_format_tells(name: str) -> None:
    decoded = PROVIDERS[name].read(body_of(name, symbol="AAPL"), PROVIDERS[name].series("daily_adjusted"))
    if decoded.symbol is not None:
        with pytest.raises(MalformedPayload, match="AAPL"):
            judged(name, [row(day) for day in DAYS], symbol="AAPL")


ECHOES: dict[str, Reply] = {
    **{str(code): ok(f"no, {KEY}".encode(), code) for code in (200, 302, 400, 401, 403, 404, 429, 500)},
    "json": ok(json.dumps({"detail": KEY, "Information": KEY}).encode()),
    "html": ok(f"<html>{KEY}".encode()),
    "read": raising(httpx.ReadError),
    "time-out": raising(httpx.ConnectTimeout),
    "unsupported": raising(httpx.UnsupportedProtocol),
}


@everyone
@pytest.mark.parametrize("echo", ECHOES)
def test_no_error_and_no_log_holds_the_key(name: str, echo: str, caplog: pytest.LogCaptureFixture) -> None:
    if PROVIDERS[name].key is None:
        return
    caplog.set_level(logging.DEBUG)
    error = Case(name, ECHOES[echo]).failure()
    shown = "".join(traceback.format_exception(error)) + caplog.text + (error.body or b"").decode() + error.hint
    assert "S3CRET" not in shown


# --- rows

BROKEN: dict[str, tuple[Row, str]] = {
    "nan": ({"close": float("nan")}, "missing_value"),
    "infinity": ({"high": float("inf")}, "missing_value"),
    "no number": ({"open": "n/a"}, "missing_value"),
    "null": ({"adjusted_close": None}, "missing_value"),
    "a list": ({"volume": [1]}, "missing_value"),
    "negative": ({"low": -1.0}, "price_not_positive"),
    "huge": ({"volume": 10**30}, "volume_not_an_integer"),
    "crossed": ({"high": 90.0, "low": 110.0}, "high_below_low"),
    "off": ({"adjusted_close": 90.0}, "factor_discontinuity"),
    "a Saturday": ({"date": "2024-01-06"}, "not_a_session"),
    "the future": ({"date": "2026-10-02"}, "future_date"),
    "no date": ({"date": "yesterday"}, "unparsable_date"),
}


@everyone
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_row_is_rejected_alone_with_its_raw_text(name: str, fault: str) -> None:
    changes, rule = BROKEN[fault]
    rows = [row(day) for day in DAYS]
    rows[20] = row(**{"day": DAYS[20], **changes})
    told = judged(name, rows)
    assert told.rejects["rule"].to_list() == [rule]
    assert len(told.bars) == len(rows) - 1
    assert told.refused == ""
    assert json.loads(told.rejects["raw"][0])


@everyone
def test_a_date_told_twice_is_rejected_whole(name: str) -> None:
    rows = [row(day) for day in DAYS]
    told = judged(name, [*rows, row(DAYS[20], close=100.5)])
    assert told.rejects["rule"].to_list() == ["duplicate_date"] * 2


@everyone
def test_numbers_may_be_written_as_text(name: str) -> None:
    told = judged(name, [row(day, close="100.0", volume="1000000") for day in DAYS])
    assert (len(told.bars), told.refused) == (len(DAYS), "")


@everyone
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(body=st.binary(max_size=200), code=st.integers(min_value=200, max_value=599), asked=st.text(max_size=5))
def test_wild_answers_give_errors_of_ours(name: str, body: bytes, code: int, asked: str) -> None:
    headers = {"Retry-After": asked.encode("utf-8"), "Content-Length": str(len(body)).encode()}
    case = Case(name, lambda _: httpx.Response(code, content=body, headers=headers))
    error = case.failure()
    assert isinstance(error, TransientError | TerminalError)
    assert all(seconds <= 75 for seconds in case.slept)
