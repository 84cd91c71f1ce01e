"""The steps over the provider's client with an injected transport, bronze in a folder and an empty warehouse."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources import open_source
from tests.tiingo import HOUR, MONTH, TiingoApi, TiingoTransport
from tests.tiingo import KEY as TIINGO_KEY

from stocks.bronze import Bronze, ObjectKey
from stocks.bronze.extract import batches, extract, plan
from stocks.bronze.folder_store import FolderStore
from stocks.errors import (
    ConfigError,
    CorruptObject,
    DataError,
    KeyRejected,
    MalformedPayload,
    QuotaSpent,
    StoreUnavailable,
    UnknownSymbol,
    exit_code_of,
)
from stocks.outcome import Outcome
from stocks.providers import Answer, Endpoint, RequestBudget, Source, Unlimited, open_sources
from stocks.providers.alphavantage.answers import DAILY, OVERVIEW
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.settings import Settings
from stocks.universe import Company, companies
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.due import Unseen, fingerprint
from stocks.warehouse.due import unseen as commit
from stocks.warehouse.normalize import normalize, replay

MONDAY_EVENING = datetime(2024, 5, 13, 23, 0, tzinfo=UTC)
TUESDAY_NOON = datetime(2024, 5, 14, 16, 0, tzinfo=UTC)
TUESDAY_EVENING = datetime(2024, 5, 14, 23, 0, tzinfo=UTC)
FRIDAY, MONDAY, TUESDAY = "2024-05-10", "2024-05-13", "2024-05-14"


def body(symbol: str, closes: dict[str, float]) -> bytes:
    """A daily answer with these closes, nothing adjusted."""
    rows = {
        day: {
            **dict.fromkeys(("1. open", "2. high", "3. low", "4. close", "5. adjusted close"), f"{close}"),
            "6. volume": "1000",
            "7. dividend amount": "0.0000",
            "8. split coefficient": "1.0",
        }
        for day, close in closes.items()
    }
    return json.dumps({"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": rows}).encode()


def overview(symbol: str, sector: str = "TECHNOLOGY") -> bytes:
    return json.dumps({"Symbol": symbol, "Name": f"{symbol} Inc", "Sector": sector}).encode()


class Provider(httpx.BaseTransport):
    """Answers by symbol and function; remembers whom it was asked about."""

    def __init__(self, *, now: datetime = MONDAY_EVENING) -> None:
        self.now = now
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.asked: list[str] = []

    def gives(self, symbol: str, answer: bytes | dict[str, float], endpoint: Endpoint = DAILY) -> None:
        self.bodies[symbol, endpoint.name] = body(symbol, answer) if isinstance(answer, dict) else answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        symbol, function = request.url.params["symbol"], request.url.params["function"]
        self.asked.append(symbol)
        return httpx.Response(200, content=self.bodies[symbol, function])

    @contextmanager
    def source(self, budget: RequestBudget | None = None) -> Iterator[Source]:
        settings = Settings(
            _env_file=None,
            stocks_source="alphavantage",
            alphavantage_api_key="a-key-of-a-test",
            stocks_series="daily_adjusted",
        )
        with open_source(settings, budget, transport=self, clock=lambda: self.now, sleep=lambda _: None) as source:
            yield source


class Paid(Unlimited):
    """A budget that knows how many requests a minute may be sent."""

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute


class Listener:
    """A report that remembers."""

    def __init__(self) -> None:
        self.begun: dict[str, int] = {}
        self.heard: list[tuple[str, int, str]] = []
        self.said: list[str] = []

    def begin(self, stage: str, total: int) -> None:
        self.begun[stage] = total

    def advance(self, stage: str, done: int, label: str) -> None:
        self.heard.append((stage, done, label))

    def say(self, message: str) -> None:
        self.said.append(message)


class FullStore(FolderStore):
    """A store that fails as soon as something is written."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        raise StoreUnavailable("The store is down.")


@pytest.fixture
def provider() -> Provider:
    given = Provider()
    for symbol in ("AAPL", "IBM", "MSFT"):
        given.gives(symbol, {FRIDAY: 10, MONDAY: 11})
        given.gives(symbol, overview(symbol), OVERVIEW)
    return given


@pytest.fixture
def bronze(tmp_path: Path) -> Bronze:
    return Bronze(FolderStore(tmp_path / "bronze"))


@pytest.fixture
def listener() -> Listener:
    return Listener()


def fetch(provider: Provider, bronze: Bronze, *tickers: str, force: bool = False, overview: bool = False) -> Outcome:
    with provider.source() as source:
        return extract([source], bronze, tickers, report=Listener(), force=force, overview=overview)


def put(bronze: Bronze, symbol: str, content: bytes, moment: datetime, endpoint: Endpoint = DAILY) -> ObjectKey:
    answer = Answer(source="alphavantage", endpoint=endpoint, symbol=symbol, observed_at=moment, body=content)
    return bronze.put(answer)[0]


def corrupt(tmp_path: Path, key: ObjectKey) -> None:
    path = tmp_path / "bronze" / str(key)
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(packed)


def bars(warehouse: Warehouse) -> list[tuple[str, str, float, bool]]:
    with warehouse.connect(Role.READER) as connection:
        return connection.execute(
            "select symbol, price_date::text, close, is_final from silver.price_bar order by 1, 2"
        ).fetchall()


class TestPlan:
    def test_tickers_asked_for_are_planned_once_each_in_order(self, provider: Provider) -> None:
        with provider.source() as source:
            assert plan([source], ["ZZZ", "IBM", "ZZZ"]) == ["ZZZ", "IBM"]

    def test_none_asked_for_is_the_universe_of_the_day(self, provider: Provider) -> None:
        with provider.source() as source:
            planned = plan([source])
        assert planned == [symbol for symbol in companies() if symbol != "FB"]

    def test_what_was_delisted_or_removed_is_not_asked_for(self, provider: Provider) -> None:
        told = [
            Company(symbol="NEW"),
            Company(symbol="LAST", last_listed=date(2024, 5, 13)),
            Company(symbol="OLD", last_listed=date(2024, 5, 12)),
            Company(symbol="GONE", is_removed=True),
        ]
        with provider.source() as source:
            assert plan([source], universe=lambda: {company.symbol: company for company in told}) == ["NEW", "LAST"]

    def test_the_sample_plans_what_it_has_on_its_day(self) -> None:
        settings = Settings(_env_file=None, stocks_source="sample", stocks_sample_as_of=date(2005, 2, 25))
        with open_source(settings) as source:
            assert plan([source]) == ["AAPL", "GOOG", "IBM", "MSFT"]

    @given(st.lists(st.text(min_size=1)), st.integers(min_value=1, max_value=7))
    def test_batches_hold_all_tickers_in_order(self, tickers: list[str], size: int) -> None:
        made = list(batches(tickers, size))
        assert [ticker for batch in made for ticker in batch] == tickers
        assert all(len(batch) == size for batch in made[:-1])
        assert all(0 < len(batch) <= size for batch in made)


class TestExtract:
    def test_answers_are_in_bronze_as_received(self, provider: Provider, bronze: Bronze) -> None:
        outcome = fetch(provider, bronze, "AAPL", "IBM")
        assert outcome.done == {"AAPL": "new answer", "IBM": "new answer"}
        assert (outcome.written, outcome.errors) == (2, {})
        (key,) = bronze.objects("IBM")
        assert bronze.read(key) == provider.bodies["IBM", DAILY.name]
        assert key.observed_at == MONDAY_EVENING

    def test_report_hears_of_every_ticker(self, provider: Provider, bronze: Bronze, listener: Listener) -> None:
        provider.gives("IBM", CATALOGUE["bad-symbol"].body(DAILY.name))
        with provider.source() as source:
            extract([source], bronze, ["AAPL", "IBM"], report=listener)
        assert listener.begun == {"extract": 2}
        assert listener.heard == [("extract", 1, "AAPL"), ("extract", 2, "IBM")]

    def test_failing_ticker_does_not_stop_the_others(self, provider: Provider, bronze: Bronze) -> None:
        provider.gives("IBM", CATALOGUE["bad-symbol"].body(DAILY.name))
        outcome = fetch(provider, bronze, "AAPL", "IBM", "MSFT")
        assert list(outcome.done) == ["AAPL", "MSFT"]
        assert isinstance(outcome.errors["IBM"], UnknownSymbol)
        assert bronze.symbols() == ["AAPL", "MSFT"]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [("daily-quota", QuotaSpent), ("bad-key", KeyRejected), ("bad-function", ConfigError)],
    )
    def test_what_stops_every_ticker_costs_no_further_request(
        self, answer: str, kind: type[Exception], provider: Provider, bronze: Bronze
    ) -> None:
        provider.gives("IBM", CATALOGUE[answer].body(DAILY.name))
        outcome = fetch(provider, bronze, "AAPL", "IBM", "MSFT")
        assert provider.asked == ["AAPL", "IBM"]
        assert list(outcome.done) == ["AAPL"]
        assert {symbol: type(error) for symbol, error in outcome.errors.items()} == {"IBM": kind, "MSFT": kind}

    def test_store_that_is_down_costs_one_request_at_most(self, provider: Provider, tmp_path: Path) -> None:
        outcome = fetch(provider, Bronze(FullStore(tmp_path)), "AAPL", "IBM", "MSFT")
        assert provider.asked == ["AAPL"]
        assert {type(error) for error in outcome.errors.values()} == {StoreUnavailable}
        assert list(outcome.errors) == ["AAPL", "IBM", "MSFT"]

    def test_one_slow_answer_holds_up_no_other(self, provider: Provider, bronze: Bronze) -> None:
        symbols = [f"S{n}" for n in range(20)]
        others_have_theirs = Event()

        class Slow(Provider):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                if request.url.params["symbol"] == "S0":
                    assert others_have_theirs.wait(20)
                return super().handle_request(request)

        class Listening(Listener):
            def advance(self, stage: str, done: int, label: str) -> None:
                super().advance(stage, done, label)
                if done == len(symbols) - 1:
                    others_have_theirs.set()

        slow, heard = Slow(), Listening()
        for symbol in symbols:
            slow.gives(symbol, {FRIDAY: 10, MONDAY: 11})
        with slow.source(Paid(75)) as source:
            outcome = extract([source], bronze, symbols, report=heard)
        assert list(outcome.done) == symbols
        assert [label for _, _, label in heard.heard][-1] == "S0"
        assert [done for _, done, _ in heard.heard] == list(range(1, 21))

    def test_what_stops_every_ticker_is_asked_for_no_more_than_was_under_way(self, bronze: Bronze) -> None:
        provider, symbols = Provider(), [f"S{n}" for n in range(200)]
        for symbol in symbols:
            provider.gives(symbol, CATALOGUE["bad-key"].body(DAILY.name))
        with provider.source(Paid(600)) as source:
            outcome = extract([source], bronze, symbols, report=Listener())
            assert len(provider.asked) <= source.at_once < len(symbols)
        assert list(outcome.errors) == symbols
        assert {type(error) for error in outcome.errors.values()} == {KeyRejected}

    @pytest.mark.parametrize(("per_minute", "at_once"), [(None, 1), (5, 1), (75, 6), (300, 25), (1200, 32)])
    def test_as_many_requests_are_under_way_as_a_slow_provider_asks_for(
        self, provider: Provider, per_minute: int | None, at_once: int
    ) -> None:
        with provider.source(Paid(per_minute)) as source:
            assert source.at_once == at_once

    def test_unusable_body_goes_to_quarantine(self, provider: Provider, bronze: Bronze) -> None:
        provider.gives("IBM", b'{"Surprise": 1}')
        outcome = fetch(provider, bronze, "IBM")
        assert isinstance(outcome.errors["IBM"], MalformedPayload)
        assert not bronze.objects("IBM")
        (key,) = bronze.objects("IBM", area="quarantine")
        assert bronze.read(key) == b'{"Surprise": 1}'

    def test_cut_off_body_goes_to_quarantine(self, provider: Provider, bronze: Bronze) -> None:
        whole = provider.bodies["IBM", DAILY.name]
        provider.gives("IBM", whole[: len(whole) // 2])
        assert fetch(provider, bronze, "IBM").errors["IBM"].exit_code == 75
        (key,) = bronze.objects("IBM", area="quarantine")
        assert bronze.read(key) == whole[: len(whole) // 2]

    def test_quarantine_names_the_endpoint_that_failed(self, provider: Provider, bronze: Bronze) -> None:
        provider.gives("IBM", b"<html>", OVERVIEW)
        outcome = fetch(provider, bronze, "IBM", overview=True)
        assert isinstance(outcome.errors["IBM"], MalformedPayload)
        assert [key.endpoint for key in bronze.objects("IBM", area="quarantine")] == [OVERVIEW.name]
        assert len(bronze.objects("IBM")) == 1

    def test_answer_that_nothing_can_be_newer_than_is_not_fetched_again(
        self, provider: Provider, bronze: Bronze
    ) -> None:
        fetch(provider, bronze, "IBM")
        provider.now = TUESDAY_NOON  # Tuesday's session is still open: Monday's is the last that is settled
        outcome = fetch(provider, bronze, "IBM")
        assert provider.asked == ["IBM"]
        assert (outcome.done, outcome.written) == ({"IBM": "nothing new"}, 0)

    def test_answer_is_fetched_again_after_the_next_session(self, provider: Provider, bronze: Bronze) -> None:
        fetch(provider, bronze, "IBM")
        provider.now = TUESDAY_EVENING
        provider.gives("IBM", {FRIDAY: 10, MONDAY: 11, TUESDAY: 12})
        assert fetch(provider, bronze, "IBM").written == 1
        assert len(provider.asked) == len(bronze.objects("IBM")) == 2

    def test_force_asks_even_where_nothing_can_be_newer(self, provider: Provider, bronze: Bronze) -> None:
        fetch(provider, bronze, "IBM")
        outcome = fetch(provider, bronze, "IBM", force=True)
        assert len(provider.asked) == 2
        assert (outcome.done, outcome.written) == ({"IBM": "nothing new"}, 0)
        assert len(bronze.objects("IBM")) == 1

    def test_each_listing_waits_for_its_own_exchange(self, provider: Provider, bronze: Bronze) -> None:
        provider.now = datetime(2024, 5, 13, 19, 0, tzinfo=UTC)  # London is settled, New York is open
        for symbol in ("IBM", "TSCO.LON"):
            provider.gives(symbol, {FRIDAY: 10, MONDAY: 11})
        fetch(provider, bronze, "IBM", "TSCO.LON")
        provider.now = MONDAY_EVENING
        fetch(provider, bronze, "IBM", "TSCO.LON")
        assert provider.asked == ["IBM", "TSCO.LON", "IBM"]

    def test_sources_do_not_pass_for_one_another(self, provider: Provider, bronze: Bronze) -> None:
        key = put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        bronze.put(Answer(source="sample", endpoint=DAILY, symbol="AAPL", observed_at=key.observed_at, body=b"{}"))
        fetch(provider, bronze, "AAPL", "IBM")
        assert provider.asked == ["AAPL"]

    def test_overview_is_fetched_once_a_month(self, provider: Provider, bronze: Bronze) -> None:
        assert fetch(provider, bronze, "IBM", overview=True).written == 2
        provider.now = TUESDAY_EVENING
        fetch(provider, bronze, "IBM", overview=True)
        assert len(provider.asked) == 3
        provider.now = datetime(2024, 6, 14, 23, tzinfo=UTC)
        fetch(provider, bronze, "IBM", overview=True)
        assert len(provider.asked) == 5


class TestSeveralSources:
    """Alpha Vantage and Tiingo side by side."""

    @contextmanager
    def opened(self, *replies: bytes, api: TiingoApi | None = None) -> Iterator[list[Source]]:
        """Both, Tiingo first; Alpha Vantage gives the replies, the last one for ever."""
        left, tiingo = list(replies), TiingoTransport(api or TiingoApi())
        settings = Settings(
            _env_file=None,
            stocks_source="tiingo,alphavantage",
            alphavantage_api_key="a-key-of-a-test",
            tiingo_api_key=TIINGO_KEY,
        )

        def answer(request: httpx.Request) -> httpx.Response:
            if "tiingo" in request.url.host:
                return tiingo.handle_request(request)
            return httpx.Response(200, content=left.pop(0) if len(left) > 1 else left[0])

        with open_sources(
            settings,
            lambda _: Unlimited(),
            transport=httpx.MockTransport(answer),
            clock=lambda: MONDAY_EVENING,
            sleep=lambda _: None,
        ) as sources:
            yield sources

    WEEKLY = body("IBM", {FRIDAY: 10}).replace(b"Time Series (Daily)", b"Weekly Adjusted Time Series")

    def test_each_is_asked_for_its_own_series(self, bronze: Bronze) -> None:
        listener = Listener()
        with self.opened(self.WEEKLY) as sources:
            outcome = extract(sources, bronze, ["IBM"], report=listener)
        assert outcome.done == {"IBM (tiingo)": "new answer", "IBM (alphavantage)": "new answer"}
        assert {(key.source, key.endpoint) for key in bronze.objects("IBM")} == {
            ("tiingo", "DAILY_PRICES"),
            ("alphavantage", "TIME_SERIES_WEEKLY_ADJUSTED"),
        }
        assert [message for message in listener.said if "weekly" in message] == listener.said
        assert len(listener.said) == 1

    @pytest.mark.parametrize(("text", "asked"), [(HOUR, 1), ("", 2), ('{"detail": "Invalid token."}', 1), (MONTH, 2)])
    def test_what_stops_one_does_not_stop_the_other(self, text: str, asked: int, bronze: Bronze) -> None:
        api = TiingoApi(text=text)
        with self.opened(self.WEEKLY, self.WEEKLY.replace(b"IBM", b"MSFT"), api=api) as sources:
            outcome = extract(sources, bronze, ["IBM", "MSFT"], report=Listener())
        assert len(api.asked) == asked
        if text:
            assert list(outcome.errors) == ["IBM (tiingo)", "MSFT (tiingo)"]
        assert {"IBM (alphavantage)", "MSFT (alphavantage)"} <= set(outcome.done)

    def test_a_symbol_is_asked_of_those_that_may_have_it(self, bronze: Bronze) -> None:
        api = TiingoApi()
        with self.opened(self.WEEKLY.replace(b"IBM", b"TSCO.LON"), api=api) as sources:
            assert {"IBM", "TSCO.LON", "SHOP.TRT"} <= set(plan(sources))
            outcome = extract(sources, bronze, ["TSCO.LON"], report=Listener())
        assert api.asked == []
        assert outcome.done == {"TSCO.LON (alphavantage)": "new answer"}
        assert outcome.errors == {}

    def test_bars_of_both_are_in_silver(self, bronze: Bronze, warehouse: Warehouse) -> None:
        with self.opened(self.WEEKLY) as sources:
            extract(sources, bronze, ["IBM"], report=Listener())
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        statement = "select source, interval, count(*) from silver.price_bar group by 1, 2 order by 1"
        with warehouse.connect(Role.READER) as connection:
            held = connection.execute(statement).fetchall()
            assert held == [("alphavantage", "weekly", 1), ("tiingo", "daily", 3270)]
        replay(bronze, warehouse, ["IBM"], as_of=None, report=Listener())
        with warehouse.connect(Role.READER) as connection:
            assert connection.execute(statement).fetchall() == held

    def test_answers_of_a_source_that_is_known_no_more_are_named_and_stay(
        self, bronze: Bronze, warehouse: Warehouse
    ) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        gone = Answer(source="quandl", endpoint=DAILY, symbol="IBM", observed_at=MONDAY_EVENING, body=b"{}")
        bronze.put(gone)
        outcome = normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert "quandl" in outcome.errors["IBM"].message
        assert len(bars(warehouse)) == 1
        assert "IBM" in normalize(bronze, warehouse, ["IBM"], report=Listener()).errors


def test_beside_a_key_that_is_none_what_can_be_fetched_is(provider: Provider, bronze: Bronze, tmp_path: Path) -> None:
    fetch(provider, bronze, "IBM")
    (key,) = bronze.objects("IBM")
    path = tmp_path / "bronze" / str(key)
    path.rename(path.with_name(f"1{path.name}"))
    for written in (1, 0):
        outcome = fetch(provider, bronze, "IBM", "MSFT")
        assert list(outcome.errors) == ["IBM"]
        assert f"1{path.name}" in str(outcome.errors["IBM"])
        assert outcome.written == written  # of MSFT
        assert bronze.objects("IBM") == [key]


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_fetched_behind_an_answer_from_the_future(
    provider: Provider, bronze: Bronze, *, force: bool
) -> None:
    ahead = put(bronze, "IBM", body("IBM", {FRIDAY: 5}), MONDAY_EVENING + timedelta(days=400))
    put(bronze, "AAPL", body("AAPL", {FRIDAY: 10}), MONDAY_EVENING + timedelta(minutes=1))  # another machine's clock
    outcome = fetch(provider, bronze, "AAPL", "IBM", "MSFT", force=force)
    assert list(outcome.errors) == ["IBM"]
    assert isinstance(outcome.errors["IBM"], DataError)
    assert str(ahead) in outcome.errors["IBM"].hint
    assert "IBM" not in provider.asked
    assert bronze.objects("IBM") == [ahead]


class TestNormalize:
    def test_bars_are_in_silver_and_counted(
        self, provider: Provider, bronze: Bronze, warehouse: Warehouse, listener: Listener
    ) -> None:
        fetch(provider, bronze, "AAPL", "IBM")
        outcome = normalize(bronze, warehouse, ["AAPL", "IBM"], report=listener)
        assert outcome.done == {"AAPL": "2 bars changed", "IBM": "2 bars changed"}
        assert outcome.counts.inserted == 4
        assert bars(warehouse)[2:] == [("IBM", FRIDAY, 10.0, True), ("IBM", MONDAY, 11.0, True)]
        assert (listener.begun, listener.heard[-1]) == ({"normalize": 2}, ("normalize", 2, "IBM"))

    def test_second_time_finds_nothing_new(self, provider: Provider, bronze: Bronze, warehouse: Warehouse) -> None:
        fetch(provider, bronze, "IBM")
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        outcome = normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert outcome.done == {"IBM": "nothing new"}
        assert outcome.counts.changed == outcome.counts.unchanged == 0

    def test_answers_are_loaded_oldest_first(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11, TUESDAY: 12}), TUESDAY_EVENING)
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 10.5, TUESDAY: 9}), TUESDAY_NOON)
        counts = normalize(bronze, warehouse, ["IBM"], report=Listener()).counts
        assert bars(warehouse) == [
            ("IBM", FRIDAY, 10.0, True),
            ("IBM", MONDAY, 11.0, True),
            ("IBM", TUESDAY, 12.0, True),
        ]
        assert (counts.inserted, counts.restated, counts.replaced, counts.unchanged) == (3, 1, 1, 1)

    def test_corrupt_object_is_named_until_a_newer_answer_is_there_and_the_others_load(
        self, provider: Provider, bronze: Bronze, warehouse: Warehouse, tmp_path: Path
    ) -> None:
        fetch(provider, bronze, "AAPL", "IBM", "MSFT")
        (key,) = bronze.objects("IBM")
        corrupt(tmp_path, key)
        for _ in range(2):
            outcome = normalize(bronze, warehouse, ["AAPL", "IBM", "MSFT"], report=Listener())
            assert list(outcome.errors) == ["IBM"]
            assert isinstance(outcome.errors["IBM"], CorruptObject)
            assert str(key) in outcome.errors["IBM"].message
        newer = put(bronze, "IBM", body("IBM", {MONDAY: 11, TUESDAY: 12}), TUESDAY_EVENING)
        for _ in range(2):
            assert not normalize(bronze, warehouse, ["AAPL", "IBM", "MSFT"], report=Listener()).errors
        assert not replay(bronze, warehouse, ["AAPL", "IBM", "MSFT"], as_of=None, report=Listener()).errors
        held = bars(warehouse)
        assert [row[0] for row in held] == ["AAPL", "AAPL", "IBM", "IBM", "MSFT", "MSFT"]
        assert newer in bronze.objects("IBM")

    @pytest.mark.parametrize("again", [normalize, partial(replay, as_of=None)])
    @pytest.mark.parametrize("name", ["DANGLING", "UNKNOWN", "OVERVIEW", "DEEP", "JUMP", "EARLY", "BOMB"])
    def test_a_bad_object_fails_its_ticker_alone_until_a_good_answer_heals_it(
        self, bronze: Bronze, warehouse: Warehouse, tmp_path: Path, name: str, again: Callable[..., Outcome]
    ) -> None:
        good = body("IBM", {FRIDAY: 10, MONDAY: 11})
        wild = {
            "DEEP": good.replace(b'"10"', b"[" * 480 + b"]" * 480),
            "JUMP": good.replace(b'"10"', b'"1e300"').replace(b'"11"', b'"4e-320"'),
            "EARLY": good.replace(FRIDAY.encode(), b"1000-01-02"),
            "BOMB": good + b" " * Settings(_env_file=None).stocks_answer_bytes,
        }
        key = put(bronze, "IBM", wild.get(name, good), MONDAY_EVENING)
        path = tmp_path / "bronze" / str(key)
        if name == "DANGLING":
            path.unlink()
            path.symlink_to("nowhere")
        if name in ("UNKNOWN", "OVERVIEW"):
            other = tmp_path / "bronze" / str(key).replace(DAILY.name, name)
            other.parent.mkdir(parents=True)
            path.rename(other)
        if name == "JUMP":  # the first basis in silver, then another
            put(bronze, "IBM", body("IBM", {FRIDAY: 4e-320, MONDAY: 4e-320}), MONDAY_EVENING - timedelta(hours=1))
        put(bronze, "MSFT", body("MSFT", {FRIDAY: 20}), MONDAY_EVENING)
        for _ in range(2):
            outcome = again(bronze, warehouse, ["IBM", "MSFT"], report=Listener())
            assert list(outcome.errors) == ([] if name == "EARLY" else ["IBM"])
            assert ("MSFT", FRIDAY, 20.0, True) in bars(warehouse)
            assert all(day > "1900" for _, day, *_ in bars(warehouse))
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11, TUESDAY: 12}), TUESDAY_EVENING)
        assert again(bronze, warehouse, ["IBM", "MSFT"], report=Listener()).errors == {}
        assert len(bars(warehouse)) == 4

    @pytest.mark.parametrize("again", [normalize, partial(replay, as_of=None)])
    def test_a_key_that_is_none_fails_its_ticker_alone_until_it_is_moved_away(
        self, bronze: Bronze, warehouse: Warehouse, tmp_path: Path, again: Callable[..., Outcome]
    ) -> None:
        key = put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        path = tmp_path / "bronze" / str(key)
        far = path.rename(path.with_name(f"1{path.name}"))  # of the year 12024
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11}), MONDAY_EVENING)
        put(bronze, "MSFT", body("MSFT", {FRIDAY: 20}), MONDAY_EVENING)
        for _ in range(2):
            outcome = again(bronze, warehouse, ["IBM", "MSFT"], report=Listener())
            assert list(outcome.errors) == ["IBM"]
            assert far.name in str(outcome.errors["IBM"])
            assert exit_code_of(outcome.errors.values()) == 65
            assert [row[:2] for row in bars(warehouse)] == [("IBM", FRIDAY), ("IBM", MONDAY), ("MSFT", FRIDAY)]
        far.unlink()
        assert again(bronze, warehouse, ["IBM", "MSFT"], report=Listener()).errors == {}

    @pytest.mark.parametrize("again", [normalize, partial(replay, as_of=None)])
    def test_an_answer_from_the_future_is_not_loaded_until_it_is_moved_away(
        self, bronze: Bronze, warehouse: Warehouse, tmp_path: Path, again: Callable[..., Outcome]
    ) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        ahead = put(bronze, "IBM", body("IBM", {FRIDAY: 5, MONDAY: 6}), datetime(2904, 5, 13, tzinfo=UTC))
        put(bronze, "MSFT", body("MSFT", {FRIDAY: 20}), MONDAY_EVENING)
        for _ in range(2):
            outcome = again(bronze, warehouse, ["IBM", "MSFT"], report=Listener())
            assert list(outcome.errors) == ["IBM"]
            assert str(ahead) in outcome.errors["IBM"].hint
            assert exit_code_of(outcome.errors.values()) == 65
            assert ("MSFT", FRIDAY, 20.0, True) in bars(warehouse)
            assert not [row for row in bars(warehouse) if row[2] in (5.0, 6.0)]
        (tmp_path / "bronze" / str(ahead)).unlink()
        assert again(bronze, warehouse, ["IBM", "MSFT"], report=Listener()).errors == {}
        assert bars(warehouse) == [("IBM", FRIDAY, 10.0, True), ("MSFT", FRIDAY, 20.0, True)]

    def test_corrupt_object_that_is_restored_is_loaded(
        self, provider: Provider, bronze: Bronze, warehouse: Warehouse, tmp_path: Path
    ) -> None:
        fetch(provider, bronze, "IBM")
        (key,) = bronze.objects("IBM")
        corrupt(tmp_path, key)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        corrupt(tmp_path, key)  # the same bit again: it is as it was
        outcome = normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert (outcome.errors, outcome.counts.inserted) == ({}, 2)

    def test_latest_answer_that_is_refused_is_an_error_each_time(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11}), MONDAY_EVENING)
        put(bronze, "IBM", body("MSFT", {FRIDAY: 90, MONDAY: 91, TUESDAY: 92}), TUESDAY_EVENING)
        put(bronze, "AAPL", body("AAPL", {FRIDAY: 20}), TUESDAY_EVENING)
        for _ in range(2):
            outcome = normalize(bronze, warehouse, ["IBM", "AAPL"], report=Listener())
            assert list(outcome.errors) == ["IBM"]
            assert isinstance(outcome.errors["IBM"], DataError)
            assert "MSFT" in outcome.errors["IBM"].message
            assert "asked for again after the next session" in outcome.errors["IBM"].hint
            assert "--force" in outcome.errors["IBM"].hint
        assert [row[:3] for row in bars(warehouse)] == [
            ("AAPL", FRIDAY, 20.0),
            ("IBM", FRIDAY, 10.0),
            ("IBM", MONDAY, 11.0),
        ]

    def test_refusal_of_a_source_that_is_in_force_no_more_is_not_told(
        self, bronze: Bronze, warehouse: Warehouse
    ) -> None:
        put(bronze, "IBM", body("MSFT", {FRIDAY: 90}), MONDAY_EVENING)
        for sources, failed in ((("alphavantage",), ["IBM"]), (("sample",), [])):
            outcome = normalize(bronze, warehouse, ["IBM"], report=Listener(), sources=sources)
            assert list(outcome.errors) == failed

    def test_good_answer_after_a_refused_one_ends_the_error(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("MSFT", {FRIDAY: 90}), MONDAY_EVENING)
        assert normalize(bronze, warehouse, ["IBM"], report=Listener()).errors
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), TUESDAY_EVENING)
        assert not normalize(bronze, warehouse, ["IBM"], report=Listener()).errors

    def test_bar_that_breaks_a_rule_is_kept_apart_with_its_reason(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, "2024-05-11": 10, MONDAY: 0}), MONDAY_EVENING)
        outcome = normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert (outcome.counts.inserted, outcome.counts.rejected, outcome.errors) == (1, 2, {})
        with warehouse.connect(Role.READER) as connection:
            found = connection.execute(
                "select price_date, rule, raw ->> '4. close' from silver.rejected_bar order by 1"
            ).fetchall()
        assert found == [("2024-05-11", "not_a_session", "10"), (MONDAY, "price_not_positive", "0")]

    def test_overview_becomes_a_company(self, provider: Provider, bronze: Bronze, warehouse: Warehouse) -> None:
        fetch(provider, bronze, "IBM", overview=True)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        with warehouse.connect(Role.READER) as connection:
            held = connection.execute("select symbol, company_name, sector from silver.company").fetchall()
        assert held == [("IBM", "IBM Inc", "Technology")]

    @pytest.mark.parametrize("again", [normalize, partial(replay, as_of=None)])
    def test_corrupt_overview_stops_neither_the_prices_nor_the_others(
        self,
        provider: Provider,
        bronze: Bronze,
        warehouse: Warehouse,
        tmp_path: Path,
        again: Callable[..., Outcome],
    ) -> None:
        fetch(provider, bronze, "AAPL", "IBM", overview=True)
        corrupt(tmp_path, bronze.objects("AAPL", area="reference")[0])
        outcome = again(bronze, warehouse, ["AAPL", "IBM"], report=Listener())
        assert {symbol: type(error) for symbol, error in outcome.errors.items()} == {"AAPL": CorruptObject}
        assert len(bars(warehouse)) == 4

    def test_ticker_that_bronze_does_not_hold_is_nothing_new(self, bronze: Bronze, warehouse: Warehouse) -> None:
        outcome = normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert (outcome.done, outcome.errors) == ({"IBM": "nothing new"}, {})


class TestReplay:
    def test_gives_what_was_known_at_a_moment_and_then_all_again(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11}), MONDAY_EVENING)
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 5, TUESDAY: 6}), TUESDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        now = bars(warehouse)
        outcome = replay(bronze, warehouse, ["IBM"], as_of=MONDAY_EVENING, report=Listener())
        assert outcome.done == {"IBM": "1 answers"}
        assert bars(warehouse) == [("IBM", FRIDAY, 10.0, True), ("IBM", MONDAY, 11.0, True)]
        replay(bronze, warehouse, ["IBM"], as_of=None, report=Listener())
        assert bars(warehouse) == now

    def test_corrupt_object_leaves_that_ticker_as_it_was(
        self, bronze: Bronze, warehouse: Warehouse, tmp_path: Path
    ) -> None:
        key = put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        put(bronze, "MSFT", body("MSFT", {FRIDAY: 20}), MONDAY_EVENING)
        normalize(bronze, warehouse, ["IBM", "MSFT"], report=Listener())
        before = bars(warehouse)
        corrupt(tmp_path, key)
        outcome = replay(bronze, warehouse, ["IBM", "MSFT"], as_of=None, report=Listener())
        assert {symbol: type(error) for symbol, error in outcome.errors.items()} == {"IBM": CorruptObject}
        assert list(outcome.done) == ["MSFT"]
        assert bars(warehouse) == before

    @pytest.mark.parametrize("again", [normalize, partial(replay, as_of=None)])
    def test_an_overview_of_another_symbol_leaves_the_prices_alone(
        self, bronze: Bronze, warehouse: Warehouse, again: Callable[..., Outcome]
    ) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        put(bronze, "IBM", b'{"Symbol": "MSFT", "Name": "Microsoft"}', MONDAY_EVENING, OVERVIEW)
        for _ in range(2):
            outcome = again(bronze, warehouse, ["IBM"], report=Listener())
            assert "MSFT" in str(outcome.errors["IBM"])
            assert "--force" in outcome.errors["IBM"].hint
            assert bars(warehouse) == [("IBM", FRIDAY, 10.0, True)]
        put(bronze, "IBM", b'{"Symbol": "IBM", "Name": "Machines"}', TUESDAY_EVENING, OVERVIEW)
        assert again(bronze, warehouse, ["IBM"], report=Listener()).errors == {}
        with warehouse.connect(Role.READER) as connection:
            assert connection.execute("select company_name from silver.company").fetchall() == [("Machines",)]


class TestCommit:
    def test_counts_bars_that_changed_since_gold_was_published(self, bronze: Bronze, warehouse: Warehouse) -> None:
        assert commit(warehouse).bars_changed == 0
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11}), MONDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert commit(warehouse).bars_changed == 2
        self.publish(warehouse, published=False)
        assert commit(warehouse).bars_changed == 2  # that build failed
        self.publish(warehouse, published=True)
        assert commit(warehouse).bars_changed == 0
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: 11, TUESDAY: 12}), TUESDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert commit(warehouse).bars_changed == 1

    def test_replay_counts_as_change(self, bronze: Bronze, warehouse: Warehouse) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        self.publish(warehouse, published=True)
        replay(bronze, warehouse, ["IBM"], as_of=None, report=Listener())
        assert commit(warehouse).bars_changed == 1

    def test_gold_is_due_for_all_that_it_would_see_and_for_another_project(
        self, bronze: Bronze, warehouse: Warehouse
    ) -> None:
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=False)  # nothing was ever loaded
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert commit(warehouse) == Unseen(bars_changed=1, gold_due=True)
        self.publish(warehouse, published=True)
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=False)
        put(bronze, "IBM", overview("IBM"), MONDAY_EVENING, OVERVIEW)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=True)
        self.publish(warehouse, published=True)
        put(bronze, "IBM", body("IBM", {FRIDAY: 10, MONDAY: -1}), TUESDAY_EVENING)
        assert normalize(bronze, warehouse, ["IBM"], report=Listener()).counts.rejected == 1
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=True)
        self.publish(warehouse, published=True, project="another")
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=True)

    def test_gold_is_due_where_a_replay_leaves_less_than_it_has_seen(
        self, bronze: Bronze, warehouse: Warehouse
    ) -> None:
        put(bronze, "IBM", body("IBM", {FRIDAY: 10}), MONDAY_EVENING)
        normalize(bronze, warehouse, ["IBM"], report=Listener())
        self.publish(warehouse, published=True)
        replay(bronze, warehouse, ["IBM"], as_of=MONDAY_EVENING - timedelta(days=9), report=Listener())
        assert bars(warehouse) == []
        assert commit(warehouse) == Unseen(bars_changed=0, gold_due=True)

    @staticmethod
    def publish(warehouse: Warehouse, *, published: bool, project: str = "") -> None:
        with warehouse.connect(Role.WRITER) as connection:
            connection.execute(
                """
                with run as (
                    insert into ops.run (run_id, command) values (gen_random_uuid(), 'test') returning run_id
                )
                insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh, published_at)
                select run_id, (select max(load_id) from ops.bronze_object), %s, false, case when %s then now() end
                from run
                """,
                [project or fingerprint(), published],
            )
