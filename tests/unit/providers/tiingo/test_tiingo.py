"""Tiingo: how it is asked, what it answers, and how that is read."""

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources import open_source
from tests.tiingo import BANDWIDTH, DAY, HOUR, KEY, MONTH, TiingoApi, TiingoTransport

from stocks.bronze.extract import plan
from stocks.errors import (
    ConfigError,
    KeyRejected,
    MalformedPayload,
    NotEntitled,
    QuotaSpent,
    StocksError,
    UnknownSymbol,
)
from stocks.providers import PROVIDERS
from stocks.providers.tiingo import DAILY
from stocks.settings import Settings
from stocks.silver import judge_series
from stocks.trading_calendar import calendar_of

TIINGO = PROVIDERS["tiingo"]
SETTINGS = Settings(_env_file=None, stocks_source="tiingo", tiingo_api_key=KEY)
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)

# AAPL around the dividend of February 2023, as OpenBB-finance/OpenBB recorded it in October 2023.
AAPL = b"""[
{"date":"2023-02-09T00:00:00.000Z","close":150.87,"high":154.33,"low":150.42,"open":153.775,"volume":56007143,
"adjClose":149.6405769631,"adjHigh":153.0723818036,"adjLow":149.1942439636,"adjOpen":152.5219044376,
"adjVolume":56007143,"divCash":0.0,"splitFactor":1.0},
{"date":"2023-02-10T00:00:00.000Z","close":151.01,"high":151.3401,"low":149.22,"open":149.46,"volume":57450708,
"adjClose":150.0075618737,"adjHigh":150.3354705962,"adjLow":148.2294442938,"adjOpen":148.4678511201,
"adjVolume":57450708,"divCash":0.23,"splitFactor":1.0},
{"date":"2023-02-13T00:00:00.000Z","close":153.85,"high":154.26,"low":150.92,"open":150.952,"volume":62199013,
"adjClose":152.8287093191,"adjHigh":153.2359876475,"adjLow":149.9181593139,"adjOpen":149.9499468907,
"adjVolume":62199013,"divCash":0.0,"splitFactor":1.0}]"""


def judged(body: bytes, adjustment: Any = TIINGO.adjustment) -> Any:
    return judge_series(
        TIINGO.read(body, DAILY),
        symbol="AAPL",
        interval="daily",
        observed_at=NOW,
        calendar=calendar_of("AAPL"),
        adjustment=adjustment,
    )


def failure(api: TiingoApi, symbol: str = "IBM") -> StocksError:
    with (
        open_source(SETTINGS, transport=TiingoTransport(api), sleep=lambda _: None) as source,
        pytest.raises(StocksError) as caught,
    ):
        source.fetch(source.series, symbol)
    return caught.value


def test_recorded_prices_become_bars() -> None:
    told = judged(AAPL)
    assert (told.refused, told.rejects.rows()) == ("", [])
    assert told.bars.row(1) == (
        *(date(2023, 2, 10), 149.46, 151.3401, 149.22, 151.01, 150.0075618737, 57_450_708, 0.23, 1.0, True),
    )


def test_recorded_adjusted_closes_reinvest_the_dividend_at_the_ex_dates_close() -> None:
    assert TIINGO.adjustment == "reinvest_ex_close"
    assert len(judged(AAPL).rejects) == 0
    other = judged(AAPL, "previous_close")
    assert other.refused or len(other.rejects)


def test_a_date_may_be_written_in_two_ways() -> None:
    assert judged(AAPL.replace(b".000Z", b"+00:00")).bars.equals(judged(AAPL).bars)


@pytest.mark.parametrize("text", ["2023-02-09T16:00:00.000Z", "2023-02-09", "9 February", ""])
def test_another_date_is_rejected_as_received_or_is_the_day(text: str) -> None:
    told = judged(AAPL.replace(b"2023-02-09T00:00:00.000Z", text.encode()))
    if text == "2023-02-09":
        assert len(told.bars) == 3
    else:
        assert told.rejects.select("price_date", "rule").rows() == [(text, "unparsable_date")]
        assert json.loads(told.rejects["raw"][0])["date"] == text


def test_the_token_is_in_a_header_and_the_history_is_whole() -> None:
    requests: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=AAPL)

    with open_source(SETTINGS, transport=httpx.MockTransport(reply)) as source:
        source.fetch(source.series, "BRK.B")
        source.fetch(source.series, "AAPL", date(2023, 2, 9))
    first, second = requests
    assert str(first.url) == "https://api.tiingo.com/tiingo/daily/BRK-B/prices?startDate=1960-01-01&format=json"
    assert second.url.params["startDate"] == "2023-02-09"
    assert first.headers["Authorization"] == f"Token {KEY}"
    assert KEY not in str(first.url)


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("text", "period", "hint"),
    [
        (HOUR, "hour", "next full hour"),
        (DAY, "day", "midnight"),
        (MONTH, "month", "first of the next"),
        (BANDWIDTH, "day", "first"),
    ],
)
def test_a_limit_is_told_apart_with_any_status(
    text: str, period: str, hint: str, status: int, *, wrapped: bool
) -> None:
    api = TiingoApi(status=status, text=json.dumps({"detail": text}) if wrapped else text)
    error = failure(api)
    assert isinstance(error, QuotaSpent)
    assert (error.period, error.exit_code) == (period, 69)
    assert hint in error.hint
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, '{"detail":"Invalid token."}', KeyRejected),
        (200, '{"detail":"Please supply a token"}', KeyRejected),
        (403, '{"detail":"You do not have permission to access this"}', NotEntitled),
        (403, "", KeyRejected),
        (404, '{"detail":"Not found."}', UnknownSymbol),
        (404, '{"detail":"Error: Ticker \'NOPE\' not found"}', UnknownSymbol),
        (404, "<html>nginx</html>", ConfigError),
        (200, "[]", UnknownSymbol),
        (200, '{"detail":"We are moving."}', MalformedPayload),
        (200, '"Something new"', MalformedPayload),
    ],
)
def test_every_other_answer_has_its_error(status: int, text: str, kind: type[StocksError]) -> None:
    api = TiingoApi(status=status, text=text)
    assert type(failure(api)) is kind
    assert len(api.asked) == 1


def test_an_unknown_symbol_and_a_wrong_token() -> None:
    assert isinstance(failure(TiingoApi(), "NOPE"), UnknownSymbol)
    wrong = Settings(_env_file=None, stocks_source="tiingo", tiingo_api_key="f" * 40)
    with (
        open_source(wrong, transport=TiingoTransport(TiingoApi())) as source,
        pytest.raises(KeyRejected, match="TIINGO_API_KEY"),
    ):
        source.fetch(source.series, "IBM")


def test_symbols_of_london_and_toronto_are_neither_planned_nor_asked_for() -> None:
    with open_source(SETTINGS, clock=lambda: NOW) as source:
        planned = plan([source])
        assert not source.has("VOD.LON")
        assert source.has("BRK-B")
    assert "IBM" in planned
    assert not {"TSCO.LON", "SHOP.TRT"} & set(planned)


values = st.none() | st.booleans() | st.floats() | st.text(max_size=6) | st.lists(st.integers(), max_size=2)
members = st.dictionaries(st.sampled_from(["date", "open", "adjClose", "volume", "x"]) | st.text(max_size=3), values)


@given(st.binary() | st.lists(members | values, max_size=4).map(json.dumps).map(str.encode))
def test_wild_bodies_give_a_frame_or_an_error_of_ours(body: bytes) -> None:
    try:
        decoded = TIINGO.read(body, DAILY)
    except MalformedPayload:
        return
    assert len(decoded.raw_texts(decoded.rows["row"].to_list())[0]) == len(decoded.rows) > 0
