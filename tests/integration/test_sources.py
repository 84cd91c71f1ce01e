"""Tiingo instead of the sample, and beside Alpha Vantage: each keeps its own bars, gold takes the preferred ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.instance import Instance, events
from tests.tiingo import HOUR, KEY, TiingoApi, serving

from stocks.providers.sample.api import Faults, SampleApi, running
from stocks.providers.sample.data import Sample

AV_KEY = "S3CRETKEY0123456"
BARS = (
    "select source, interval, count(*), max(bronze_key) like '%/' || source || '/%' from silver.price_bar group by 1, 2"
)
GOLD = """
select distinct on (interval) prices.interval, sources.source_name, round(close::numeric, 2)
from gold.fact_adjusted_prices as prices inner join gold.dim_source as sources using (source_key)
where symbol = 'IBM' order by interval, price_date desc
"""


@contextmanager
def providers(*, tiingo: TiingoApi | None = None, **faults: object) -> Iterator[dict[str, str]]:
    """Both over HTTP, and the settings that take them for the real ones."""
    with ExitStack() as stack:
        here = stack.enter_context(serving(tiingo or TiingoApi()))
        there = stack.enter_context(running(SampleApi(Sample(), Faults(**faults))))  # type: ignore[arg-type]
        yield {
            "ALPHAVANTAGE_API_KEY": AV_KEY,
            "TIINGO_API_KEY": KEY,
            "STOCKS_PROVIDER_URL": f"tiingo={here},alphavantage={there}",
            "STOCKS_REQUESTS_PER_MINUTE": "6000",
        }


@pytest.mark.slow
def test_tiingo_from_env_file_gives_the_gold_that_the_sample_gives(
    instance: Instance, sample_instance: Instance, tmp_path: Path
) -> None:
    api = TiingoApi()
    with serving(api) as url:
        (tmp_path / ".env").write_text(f"TIINGO_API_KEY={KEY}\nSTOCKS_PROVIDER_URL={url}\n")
        ended = instance.stocks("run", "--tickers", "IBM,GOOG,TSCO.LON", "--json")
    assert ended.returncode == 65, ended.stdout + ended.stderr
    assert list(events(ended)[-1]["errors"]) == ["TSCO.LON"]
    assert len(api.asked) == 2
    assert KEY not in ended.stdout + ended.stderr
    taken = "close, adjusted_close, volume, dividend_amount, split_coefficient, simple_return, drawdown"
    statement = f"select {taken} from gold.fact_adjusted_prices where symbol = 'IBM' order by price_date offset 1"
    mine, samples = instance.query(statement), sample_instance.query(statement)
    assert len(mine) == len(samples) == 3269
    for one, other in zip(mine, samples, strict=True):
        assert [float(value) for value in one.split(",")] == pytest.approx([float(value) for value in other.split(",")])
    assert instance.query("select budget_key like 'tiingo:%', used, used_in_hour from ops.api_budget") == ["True,2,2"]
    assert instance.query("select symbol from ops.api_symbol order by 1") == ["GOOG", "IBM"]


@pytest.mark.slow
def test_each_source_keeps_its_bars_and_the_order_says_which_gold_takes(instance: Instance) -> None:
    with providers(tiingo=TiingoApi(dearer=0.01)) as settings:
        ended = instance.stocks("run", "--tickers", "IBM", "--json", **settings)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        # Alpha Vantage's weekly series and Tiingo's daily one, as no series was chosen.
        assert sorted(instance.query(BARS)) == ["alphavantage,weekly,679,True", "tiingo,daily,3270,True"]
        assert instance.query(GOLD) == ["daily,tiingo,202.92", "weekly,alphavantage,202.91"]
        assert ended.stdout.count("STOCKS_SERIES=daily_adjusted") == 1

        settings |= {"STOCKS_SERIES": "daily_adjusted", "STOCKS_SOURCE": "alphavantage,tiingo"}
        ended = instance.stocks("run", "--tickers", "IBM", "--json", **settings)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert sorted(instance.query(BARS)) == [
            "alphavantage,daily,3270,True",
            "alphavantage,weekly,679,True",
            "tiingo,daily,3270,True",
        ]
        assert instance.query(GOLD) == ["daily,alphavantage,202.91", "weekly,alphavantage,202.91"]

        settings["STOCKS_SOURCE"] = "tiingo,alphavantage"
        ended = instance.stocks("run", "--tickers", "IBM", "--json", **settings)
        assert instance.query(GOLD)[0] == "daily,tiingo,202.92"
        unchanged = instance.stocks("run", "--tickers", "IBM", "--json", **settings)
        assert events(unchanged)[-1]["unchanged"] is True
        assert instance.query("select symbol, restatements from gold.mart_stock_summary") == ["IBM,0"]


@pytest.mark.slow
def test_a_source_whose_quota_is_spent_does_not_stop_the_other(instance: Instance) -> None:
    spent = TiingoApi(text=HOUR)
    with providers(tiingo=spent) as settings:
        ended = instance.stocks("extract", "--tickers", "IBM,MSFT,TSCO.LON", "--json", **settings)
        assert ended.returncode == 69, ended.stdout + ended.stderr
        asked = len(spent.asked)
        assert asked in {1, 2}, "MSFT's request may have been under way"
        for told in ("IBM (tiingo)", "MSFT (tiingo)", "next full hour"):
            assert told in ended.stdout
        held = sorted(
            str(path.parent.relative_to(instance.state)) for path in instance.state.rglob("bronze/series/**/*.gz")
        )
        assert held == [
            f"bronze/series/{symbol}/TIME_SERIES_WEEKLY_ADJUSTED/alphavantage" for symbol in ("IBM", "MSFT")
        ]
        again = instance.stocks("extract", "--tickers", "IBM", "--json", **settings)
        assert again.returncode == 69
        assert len(spent.asked) == asked, "the hour is known to be spent"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"STOCKS_SOURCE": "alphavantage,tiingo", "ALPHAVANTAGE_API_KEY": AV_KEY}, "TIINGO_API_KEY"),
        ({"STOCKS_SOURCE": "quandl"}, "STOCKS_SOURCE"),
        ({"STOCKS_SOURCE": "tiingo", "TIINGO_API_KEY": KEY, "STOCKS_SERIES": "weekly_adjusted"}, "STOCKS_SERIES"),
        ({"STOCKS_SOURCE": "sample,tiingo", "TIINGO_API_KEY": KEY, "STOCKS_PROVIDER_URL": "http://one"}, "name"),
    ],
)
def test_a_wrong_setting_is_named(instance: Instance, settings: dict[str, str], words: str) -> None:
    ended = instance.stocks("extract", "--tickers", "IBM", "--json", **settings)
    assert ended.returncode == 78, ended.stdout + ended.stderr
    assert words in ended.stdout
    assert KEY not in ended.stdout


@pytest.mark.slow
def test_what_a_new_source_is_refused_for_is_told_at_once(instance: Instance) -> None:
    """Also where gold was built before without it; and no more, once it is asked for nothing."""
    assert instance.stocks("run", "--tickers", "IBM").returncode == 0
    # So much dearer, its dividends explain no step of its adjusted closes: the series is on two bases.
    with providers(tiingo=TiingoApi(dearer=1000)) as settings:
        both = {**settings, "STOCKS_SOURCE": "tiingo,sample"}
        both["STOCKS_PROVIDER_URL"] = both["STOCKS_PROVIDER_URL"].split(",")[0]
        ended = instance.stocks("run", "--tickers", "IBM", "--json", **both)
        assert ended.returncode == 65, ended.stdout + ended.stderr
        assert "tiingo for IBM was refused" in ended.stdout
    assert instance.query(GOLD) == ["daily,sample,202.91"]
    assert instance.stocks("run", "--tickers", "IBM", STOCKS_SOURCE="sample").returncode == 0


@pytest.mark.slow
def test_two_sources_are_reconciled_and_the_one_that_is_off_is_named(instance: Instance) -> None:
    """A source whose answer is held bears witness, too: against itself."""
    alone = instance.stocks("reconcile", "IBM", "--json")
    assert alone.returncode == 78, alone.stdout + alone.stderr
    assert "from no source" in alone.stdout
    both = {"STOCKS_SERIES": "daily_adjusted", "STOCKS_SOURCE": "alphavantage,tiingo"}
    with providers() as settings:
        ended = instance.stocks("extract", "--tickers", "IBM", "--json", **settings, **both)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    agreed = instance.stocks("reconcile", "IBM", "--json")
    assert agreed.returncode == 0, agreed.stdout + agreed.stderr
    assert "IBM: alphavantage and tiingo agree." in agreed.stdout
    with providers(tiingo=TiingoApi(pence_from="2013-02-11")) as settings:
        ended = instance.stocks("extract", "--tickers", "IBM", "--force", "--json", **settings, **both)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    ended = instance.stocks("normalize", "--tickers", "IBM", "--json", **both)
    assert ended.returncode == 65
    assert "stocks accept IBM price_jump" in ended.stdout
    found = instance.stocks("reconcile", "ibm", "--json")
    assert found.returncode == 65, found.stdout + found.stderr
    [close] = [event for event in events(found) if event["event"] == "difference"]
    assert (close["what"], close["first_date"], close["last_date"]) == ("close", "2013-02-11", "2013-03-01")
    assert close["off"] == "tiingo"
    assert close["evidence"]
