"""What goes wrong outside: a clear message, the right exit code, nothing lost."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.instance import Instance, events

from stocks.providers.sample.api import Faults, SampleApi, running
from stocks.providers.sample.data import Sample

KEY = "S3CRETKEY0123456"


@contextmanager
def provider(**faults: object) -> Iterator[dict[str, str]]:
    """The sample over HTTP with faults, and the settings that take it for Alpha Vantage."""
    with running(SampleApi(Sample(), Faults(**faults))) as url:  # type: ignore[arg-type]
        yield {
            "STOCKS_SOURCE": "alphavantage",
            "ALPHAVANTAGE_API_KEY": KEY,
            "STOCKS_PROVIDER_URL": url,
            "STOCKS_REQUESTS_PER_MINUTE": "6000",
        }


def said(ended: subprocess.CompletedProcess[str]) -> str:
    return ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("daily-quota", 69, "quota"),
        ("bad-symbol", 65, "does not know"),
        ("no-data", 65, "no data"),
        ("unknown-text", 65, ""),
        ("html", 65, ""),
        ("premium-endpoint", 78, "STOCKS_SERIES=weekly_adjusted"),
        ("bad-key", 78, "ALPHAVANTAGE_API_KEY"),
        ("bad-function", 78, ""),
        ("server-error", 75, "500"),
    ],
)
def test_every_class_of_answer_has_its_code_and_words(instance: Instance, answer: str, code: int, words: str) -> None:
    with provider(answer=answer) as settings:
        ended = instance.stocks("extract", "--tickers", "IBM", "--json", **settings)
    assert ended.returncode == code, said(ended)
    assert words in said(ended)
    assert KEY not in said(ended)
    assert not list((instance.state / "bronze" / "series").rglob("*.gz"))
    kept = list((instance.state / "bronze" / "quarantine").rglob("*.gz"))
    assert bool(kept) == (answer != "server-error" or bool(kept))


def test_an_answer_that_is_no_series_is_kept_in_quarantine_without_the_key(instance: Instance) -> None:
    import gzip

    with provider(answer="unknown-text") as settings:
        for _ in range(2):
            instance.stocks("extract", "--tickers", "IBM", **settings)
    [kept] = (instance.state / "bronze" / "quarantine" / "IBM").rglob("*.gz")
    assert gzip.decompress(kept.read_bytes()).startswith(b"{")
    assert KEY.encode() not in gzip.decompress(kept.read_bytes())


def test_a_cut_off_body_is_a_passing_fault(instance: Instance) -> None:
    with provider(cut_off=True, every=2) as settings:
        ended = instance.stocks("extract", "--tickers", "IBM,MSFT", "--json", **settings)
    assert ended.returncode == 0, said(ended)  # every second request breaks off, and is sent again


def test_the_spent_quota_leaves_the_rest_for_the_next_run(instance: Instance) -> None:
    with provider(answer="daily-quota", after=2) as settings:
        ended = instance.stocks("run", "--tickers", "FB,IBM,MSFT,AAPL", "--json", **settings)
    assert ended.returncode == 69, said(ended)
    published = instance.query("select distinct symbol from gold.fact_adjusted_prices")
    assert len(published) == 2
    [first_left, *_] = {"FB", "IBM", "MSFT", "AAPL"} - set(published)
    # The day is marked as spent: no process asks again today, whatever the provider would say.
    with provider() as settings:
        assert instance.stocks("extract", "--tickers", first_left, **settings).returncode == 69
    instance_day_after(instance)
    with provider() as settings:
        assert instance.stocks("run", "--tickers", "FB,IBM,MSFT,AAPL", **settings).returncode == 0
    assert len(instance.query("select distinct symbol from gold.fact_adjusted_prices")) == 4
    assert instance.query("select used from ops.api_budget where day = current_date") == ["2"]  # the others are fresh


def instance_day_after(instance: Instance) -> None:
    """Lets a day pass: what was counted today was counted yesterday."""
    ended = instance.stocks(
        "env", "--", "python", "-c",
        "import os, psycopg; c = psycopg.connect(os.environ['STOCKS_WAREHOUSE_URL'], autocommit=True);"
        "c.execute('update ops.api_budget set day = day - 1')",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def test_our_own_limit_stops_before_the_provider_does(instance: Instance) -> None:
    with provider() as settings:
        ended = instance.stocks(
            "extract", "--tickers", "FB,IBM,MSFT", "--json", **settings, STOCKS_REQUESTS_PER_DAY="2"
        )
    assert ended.returncode == 69
    assert "2 requests are spent" in said(ended)


def test_a_byte_that_changed_in_bronze_is_found_and_named(instance: Instance) -> None:
    assert instance.stocks("extract", "--tickers", "FB,IBM").returncode == 0
    [stored] = (instance.state / "bronze" / "series" / "IBM").rglob("*.gz")
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.chmod(0o644)
    stored.write_bytes(content)
    ended = instance.stocks("run", "--tickers", "FB,IBM", "--json")
    assert ended.returncode == 65
    assert stored.name in said(ended)
    assert "checksum" in said(ended)
    assert instance.query("select distinct symbol from gold.fact_adjusted_prices") == ["FB"]


def test_a_state_folder_that_cannot_be_written(instance: Instance, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ended = instance.stocks("run", "--json", STOCKS_STATE_DIR=str(tmp_path / "file" / "state"))
    assert ended.returncode == 78
    assert "STOCKS_STATE_DIR" in said(ended)


def test_a_warehouse_that_is_down(instance: Instance) -> None:
    url = "postgresql://stocks_owner:pa55word@127.0.0.1:1/stocks"
    ended = instance.stocks("run", "--json", STOCKS_WAREHOUSE_URL=url)
    assert ended.returncode == 75
    assert "127.0.0.1:1/stocks" in said(ended)
    assert "pa55word" not in said(ended)


def test_a_provider_that_is_down_fails_but_gold_goes_on(instance: Instance) -> None:
    settings = {
        "STOCKS_SOURCE": "alphavantage",
        "ALPHAVANTAGE_API_KEY": KEY,
        "STOCKS_PROVIDER_URL": "http://127.0.0.1:1",
    }
    ended = instance.stocks("extract", "--tickers", "IBM", "--json", **settings)
    assert ended.returncode == 75
    assert KEY not in said(ended)


def test_a_failed_gold_test_keeps_the_last_good_gold(instance: Instance, tmp_path: Path) -> None:
    assert instance.stocks("run", "--tickers", "FB").returncode == 0
    good = instance.gold()
    project = tmp_path / "changed" / "dbt"
    shutil.copytree(instance.environment["DBT_PROJECT_DIR"], project)
    (project / "tests" / "singular" / "assert_nothing.sql").write_text(
        "select symbol, price_date from {{ ref('fact_adjusted_prices') }} where price_date = '2012-05-21'"
    )
    model = project / "models" / "gold" / "dim_source.sql"
    model.write_text(model.read_text() + "\n-- a change, so that gold is built again\n")
    ended = instance.stocks("run", "--tickers", "FB", "--json", DBT_PROJECT_DIR=str(project))
    assert ended.returncode == 65, said(ended)
    assert "assert_nothing" in said(ended)
    assert "symbol=FB, price_date=2012-05-21" in said(ended)
    assert instance.gold() == good
    found = "select status, failures, examples ->> 0 from ops.data_quality where rule = 'assert_nothing'"
    assert instance.query(found) == ['fail,1,{"symbol": "FB", "price_date": "2012-05-21"}']
    again = instance.stocks("run", "--tickers", "FB", "--json")
    assert again.returncode == 0, said(again)
    assert events(again)[-1]["errors"] == {}


def test_doctor_says_what_is_wrong_and_goes_on(instance: Instance) -> None:
    ended = instance.stocks(
        "doctor",
        "--json",
        STOCKS_SOURCE="alphavantage",
        STOCKS_WAREHOUSE_URL="postgresql://a:b@127.0.0.1:1/x",
        STOCKS_PROVIDER_URL="http://127.0.0.1:1",
    )
    checks = {event["check"]: event["state"] for event in events(ended)}
    assert checks == {
        "settings": "wrong",
        "dbt project": "ok",
        "store": "ok",
        "warehouse": "wrong",
        "provider": "wrong",
    }
    assert ended.returncode == 75
    assert instance.stocks("doctor").returncode == 0


def test_doctor_keeps_what_an_address_holds_of_secrets(instance: Instance) -> None:
    with running(SampleApi(Sample(), Faults())) as url:
        secret = url.replace("://", "://us3r:pa55word@") + "?token=t0ken"
        ended = instance.stocks("doctor", "--json", STOCKS_PROVIDER_URL=secret)
    down = instance.stocks("doctor", "--json", STOCKS_PROVIDER_URL="http://us3r:pa55word@127.0.0.1:1/query?token=t0ken")
    assert ended.returncode == 0
    assert "127.0.0.1:1/query can't be reached" in said(down)
    assert not any(part in said(ended) + said(down) for part in ("us3r", "pa55word", "t0ken"))


def test_doctor_asks_for_the_sample_where_its_server_should_be(instance: Instance) -> None:
    ended = instance.stocks("doctor", "--json", STOCKS_PROVIDER_URL="http://127.0.0.1:1/query")
    assert {event["check"] for event in events(ended) if event["state"] == "wrong"} == {"provider"}
    assert ended.returncode == 75
    with running(SampleApi(Sample(), Faults())) as url:
        assert instance.stocks("doctor", STOCKS_PROVIDER_URL=url).returncode == 0


def test_doctor_may_wait_for_what_is_still_on_its_way(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with ThreadPoolExecutor() as pool:
        url = f"http://127.0.0.1:{port}/query"
        asked = pool.submit(instance.stocks, "doctor", "--wait", "60", STOCKS_PROVIDER_URL=url)
        time.sleep(5)  # longer than a doctor who does not wait takes
        with running(SampleApi(Sample(), Faults(), port=port)):
            assert asked.result().returncode == 0


def test_an_answer_dated_by_a_clock_that_is_ahead_is_never_loaded(instance: Instance) -> None:
    for step in ("extract", "normalize"):
        assert instance.stocks(step, "--tickers", "IBM,MSFT", STOCKS_SAMPLE_AS_OF="2004-12-01").returncode == 0
    silver = "select * from silver.price_bar order by symbol, price_date"
    before = instance.query(silver)
    [kept] = (instance.state / "bronze" / "series" / "IBM").rglob("*.gz")
    ahead = kept.with_name(kept.name.replace("2004", "2904", 1))
    shutil.copy(kept, ahead)
    for step in ("extract", "normalize", "replay"):
        ended = instance.stocks(step, "--tickers", "IBM,MSFT", STOCKS_SAMPLE_AS_OF="2005-02-25")
        assert ended.returncode == 65, (step, said(ended))
        assert "2904-12-01" in said(ended), step
        assert ahead.name in said(ended).replace("\n", "").replace(" ", ""), step
    known = instance.query(silver)
    assert [bar for bar in known if bar.startswith("IBM")] == [bar for bar in before if bar.startswith("IBM")]
    assert len(known) > len(before)  # MSFT's days went on
    ahead.unlink()
    for step in ("extract", "normalize"):
        assert instance.stocks(step, "--tickers", "IBM", STOCKS_SAMPLE_AS_OF="2005-02-25").returncode == 0
    assert instance.query("select max(price_date) from silver.price_bar where symbol = 'IBM'") == ["2005-02-25"]
