"""The sample over HTTP, through the client that users have."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
import pytest
from tests.sources import open_source

from stocks.errors import ConfigError, KeyRejected, ProviderUnavailable, QuotaSpent, StocksError, Throttled
from stocks.providers import PROVIDERS, Endpoint, Source
from stocks.providers.alphavantage.answers import DAILY
from stocks.providers.alphavantage.catalogue import CATALOGUE
from stocks.providers.sample.api import Faults, SampleApi, running
from stocks.providers.sample.data import Sample
from stocks.settings import Settings
from stocks.universe import companies

KEY = "S3CRETKEY0123456"


@contextmanager
def source_over_http(faults: Faults | None = None, **settings: Any) -> Iterator[Source]:
    api = SampleApi(Sample(settings.get("stocks_sample_as_of")), faults or Faults())
    settings = {"stocks_source": "sample", **settings}
    with (
        running(api) as url,
        open_source(Settings(_env_file=None, stocks_provider_url=url, **settings), sleep=lambda _: None) as source,
    ):
        yield source


def failure(name: str, **settings: Any) -> StocksError:
    with source_over_http(Faults(answer=name), **settings) as source, pytest.raises(StocksError) as caught:
        source.fetch(DAILY, "IBM")
    return caught.value


@pytest.mark.parametrize("endpoint", PROVIDERS["sample"].endpoints, ids=lambda endpoint: endpoint.name)
def test_an_answer_is_the_same_as_without_http(endpoint: Endpoint) -> None:
    settings: dict[str, Any] = {"stocks_source": "sample", "stocks_sample_as_of": date(2005, 2, 28)}
    with (
        source_over_http(**settings) as remote,
        open_source(Settings(_env_file=None, **settings)) as local,
    ):
        assert remote.fetch(endpoint, "AAPL") == local.fetch(endpoint, "AAPL")
        for source in (remote, local):
            assert [symbol for symbol in companies() if source.has(symbol)] == ["AAPL", "GOOG", "IBM", "MSFT"]
        assert remote.now() == local.now()


def test_it_says_that_it_is_well_and_knows_no_other_path() -> None:
    with running(SampleApi(Sample(), Faults())) as url:
        base = url.removesuffix("/query")
        assert httpx.get(f"{base}/health").text == "ok\n"
        assert httpx.get(f"{base}/other").status_code == 404
        assert httpx.post(url).status_code == 501


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_canned_answer_reaches_the_client_as_an_error_without_the_key(name: str) -> None:
    error = failure(name, stocks_source="alphavantage", alphavantage_api_key=KEY)
    assert error.body is not None
    assert KEY.encode() not in error.body
    assert KEY not in str(error)
    expected = CATALOGUE[name].body(DAILY.name, "<redacted>")
    assert error.body == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("unauthorized", KeyRejected),
        ("forbidden", KeyRejected),
        ("not-found", ConfigError),
        ("too-many-requests", Throttled),
        ("server-error", ProviderUnavailable),
        ("unavailable", ProviderUnavailable),
        ("burst", QuotaSpent),
    ],
)
def test_statuses_and_lasting_bursts_have_their_errors(name: str, kind: type[StocksError]) -> None:
    assert type(failure(name)) is kind


def test_an_answer_that_breaks_off_is_tried_again() -> None:
    with source_over_http(Faults(cut_off=True, every=2, after=1)) as source:
        whole = source.fetch(DAILY, "FB")  # request 1
        assert source.fetch(DAILY, "FB") == whole  # requests 2 and 3
        assert source.fetch(DAILY, "FB") == whole  # request 4
    with source_over_http(Faults(cut_off=True)) as source, pytest.raises(ProviderUnavailable):
        source.fetch(DAILY, "FB")


def test_faults_hit_the_requests_that_they_are_meant_for() -> None:
    assert [n for n in range(1, 9) if Faults().hit(n)] == list(range(1, 9))
    assert [n for n in range(1, 9) if Faults(every=3).hit(n)] == [3, 6]
    assert [n for n in range(1, 9) if Faults(after=5).hit(n)] == [6, 7, 8]
    assert [n for n in range(1, 9) if Faults(every=2, after=3).hit(n)] == [5, 7]


@pytest.mark.parametrize("wrong", [{"answer": "nope"}, {"every": 0}, {"after": -1}, {"delay": -0.1}])
def test_wrong_faults_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Faults(**wrong)


def test_a_port_that_is_taken_is_a_wrong_setting() -> None:
    with running(SampleApi(Sample(), Faults())) as url, pytest.raises(ConfigError, match="listen"):
        SampleApi(Sample(), Faults(), port=httpx.URL(url).port or 0)


def test_requests_leave_no_trace_of_the_key(capfd: pytest.CaptureFixture[str]) -> None:
    with running(SampleApi(Sample(), Faults())) as url:
        httpx.get(url, params={"function": "OVERVIEW", "symbol": "IBM", "apikey": KEY})
        httpx.get(url, params={"function": "X Y", "apikey": KEY})
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err
