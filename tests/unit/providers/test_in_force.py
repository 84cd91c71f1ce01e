"""Which providers are in force, and where they are asked."""

import pytest

from stocks.errors import ConfigError, DataError
from stocks.providers import in_force, provider_of
from stocks.settings import Settings


def urls(source: str, url: str | None = None) -> dict[str, str | None]:
    settings = Settings(_env_file=None, stocks_source=source, stocks_provider_url=url)
    return {provider.name: address for provider, address in in_force(settings).items()}


def test_they_are_those_of_the_setting_in_its_order() -> None:
    assert urls("tiingo,alphavantage") == {"tiingo": None, "alphavantage": None}
    assert list(urls("sample, tiingo")) == ["sample", "tiingo"]


@pytest.mark.parametrize("name", ["quandl", "tiingo,quandl", "Tiingo"])
def test_a_name_that_is_none_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ConfigError, match=r"STOCKS_SOURCE.*alphavantage, tiingo, sample") as caught:
        urls(name)
    assert "quandl" not in str(caught.value)


@pytest.mark.parametrize("given", ["http://here/query?a=b", "sample=http://here/query?a=b"])
def test_one_url_is_the_address_of_the_one_source(given: str) -> None:
    assert urls("sample", given) == {"sample": "http://here/query?a=b"}


def test_several_sources_have_each_its_url() -> None:
    assert urls("tiingo,sample", "sample=http://a/?x=y, tiingo=http://b") == {
        "tiingo": "http://b",
        "sample": "http://a/?x=y",
    }
    assert urls("tiingo,sample", "tiingo=http://b") == {"tiingo": "http://b", "sample": None}


@pytest.mark.parametrize("given", ["http://here", "tiingo=http://b,http://here", "quandl=http://b"])
def test_an_address_of_nobody_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="STOCKS_PROVIDER_URL"):
        urls("tiingo,sample", given)


def test_a_source_of_bronze_that_is_no_provider_is_an_error_of_the_data() -> None:
    assert provider_of("sample").name == "sample"
    with pytest.raises(DataError, match="quandl"):
        provider_of("quandl")
