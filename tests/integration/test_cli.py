"""What a person types, and what plain dbt needs."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys

import pytest
from tests.instance import Instance

FACTS = (
    "select symbol, interval, count(*), min(price_date), max(price_date) from gold.fact_adjusted_prices group by 1,2"
)


def test_query_prints_csv_json_and_a_table(sample_instance: Instance) -> None:
    ended = sample_instance.stocks("query", FACTS, "--format", "csv")
    rows = list(csv.reader(io.StringIO(ended.stdout)))
    assert rows[0] == ["symbol", "interval", "count", "min", "max"]
    assert ["GOOG", "daily", "2148", "2004-08-19", "2013-03-01"] in rows
    found = json.loads(sample_instance.stocks("query", FACTS, "--format", "json").stdout)
    assert {"symbol": "FB", "interval": "daily", "count": 196, "min": "2012-05-18", "max": "2013-03-01"} in found
    assert "GOOG    daily     2148" in sample_instance.stocks("query", FACTS).stdout
    assert sample_instance.stocks("query", FACTS, "--format", "xml").returncode == 78


@pytest.mark.parametrize("statement", ["delete from silver.bar", "select 1; select 2", "nonsense", "begin"])
def test_query_takes_nothing_but_reads(sample_instance: Instance, statement: str) -> None:
    ended = sample_instance.stocks("query", statement)
    assert ended.returncode == 78
    assert "message" in json.loads(ended.stderr)


def test_status_shows_runs_freshness_and_tests(sample_instance: Instance) -> None:
    screen = sample_instance.stocks("status", "--output", "text").stdout
    for expected in ("Last runs", "Freshness", "up to date", "assert_large_moves_have_an_action", "tests passed"):
        assert expected in screen
    empty = Instance.make(sample_instance.state.parent / "other")
    assert "stocks run" in empty.stocks("status", "--output", "text").stdout


def test_plan_lists_batches_of_what_the_source_has(instance: Instance) -> None:
    assert json.loads(instance.stocks("plan", "--batch-size", "2").stdout) == ["AAPL,FB", "GOOG,IBM", "MSFT"]
    early = instance.stocks("plan", STOCKS_SAMPLE_AS_OF="2004-01-02")
    assert json.loads(early.stdout) == ["AAPL", "IBM", "MSFT"]


def test_steps_one_by_one_give_what_a_run_gives(instance: Instance, sample_instance: Instance) -> None:
    for step in ("extract", "normalize"):
        ended = instance.stocks(step, "--json")
        assert ended.returncode == 0, ended.stdout
    assert json.loads(instance.stocks("commit").stdout) == {"bars_changed": 12154, "gold_due": True}
    assert instance.stocks("gold", "--if-changed", "--json").returncode == 0
    assert json.loads(instance.stocks("commit").stdout) == {"bars_changed": 0, "gold_due": False}
    assert instance.gold() == sample_instance.gold()


def test_plain_dbt_works_in_the_printed_environment(instance: Instance) -> None:
    assert instance.stocks("run", "--tickers", "FB").returncode == 0
    printed = instance.stocks("env").stdout
    variables = dict(re.findall(r"^export (\w+)='?([^'\n]*)'?$", printed, re.MULTILINE))
    try:
        assert variables["PGHOST"] == "127.0.0.1"
        ended = subprocess.run(
            [instance.dbt, "test", "--select", "dim_stock", "--target-path", instance.state / "target"],
            env={**instance.environment, **variables, "DBT_LOG_PATH": str(instance.state / "logs")},
            cwd=variables["DBT_PROJECT_DIR"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert "PASS=" in ended.stdout
        assert variables["DBT_ENV_SECRET_PGPASSWORD"] not in ended.stdout
    finally:
        assert instance.stocks("env", "--stop").stdout == "Stopped.\n"
    assert not (instance.state / "postgres" / "data" / "postmaster.pid").exists()


def test_the_readers_login_can_only_read(sample_instance: Instance) -> None:
    script = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['STOCKS_WAREHOUSE_URL']) as c:\n"
        "    print(c.execute('select count(*) from gold.dim_stock').fetchone()[0])\n"
        "    c.execute('delete from silver.bar')\n"
    )
    ended = sample_instance.stocks("env", "--role", "reader", "--", "python", "-c", script)
    assert ended.stdout == "17\n"
    assert "permission denied" in ended.stderr


def test_a_wrong_setting_is_named(instance: Instance) -> None:
    ended = instance.stocks("run", "--json", STOCKS_SERIES="hourly")
    assert ended.returncode == 78
    assert "STOCKS_SERIES" in ended.stdout


def test_json_hides_no_column_and_no_number(sample_instance: Instance) -> None:
    ended = sample_instance.stocks("query", "select 'NaN'::float as x, 1.5 as y", "--format", "json")
    assert json.loads(ended.stdout) == [{"x": "nan", "y": "1.5"}]
    twice = sample_instance.stocks("query", "select 1 as x, 2 as x", "--format", "json")
    assert twice.returncode == 78
    assert "called x" in twice.stderr


def test_a_long_table_is_cut_and_says_so(sample_instance: Instance) -> None:
    long = "select n from generate_series(1, {}) as n"
    shown = sample_instance.stocks("query", long.format(10_001)).stdout.splitlines()
    assert shown[-2:] == ["10000", "(the first 10,000 rows; --format csv gives all)"]
    assert sample_instance.stocks("query", long.format(21)).stdout.splitlines()[-1] == "(21 rows)"
    assert len(sample_instance.stocks("query", long.format(10_001), "--format", "csv").stdout.splitlines()) == 10_002
    assert sample_instance.stocks("query", long.format(0), "--format", "json").stdout == "[]\n"


def in_shell(instance: Instance, arguments: tuple[str, ...], outputs: str) -> subprocess.CompletedProcess[str]:
    """Runs `stocks` with its outputs where a shell sends them."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {outputs}', "sh", sys.executable, "-m", "stocks", *arguments],
        env=instance.environment,
        cwd=instance.state.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--version",), ("query", "select 1"), ("status", "--json")])
def test_output_to_a_full_device_is_told(arguments: tuple[str, ...], sample_instance: Instance) -> None:
    ended = in_shell(sample_instance, arguments, ">/dev/full")
    assert ended.returncode == 78
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "outputs", "code"),
    [
        (("--version",), ">/dev/full 2>&1", 78),
        (("query", "nonsense"), "2>/dev/full", 78),
        (("query", "select 1", "--format", "csv"), ">&-", 0),
        (("query", "nonsense"), ">&- 2>&-", 78),
    ],
)
def test_where_nothing_can_be_said_the_code_is_right(
    arguments: tuple[str, ...], outputs: str, code: int, sample_instance: Instance
) -> None:
    ended = in_shell(sample_instance, arguments, outputs)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", "")


def test_nothing_to_build_is_not_built(instance: Instance) -> None:
    ended = instance.stocks("run", "--tickers", "NOPE", "--json")
    assert ended.returncode == 65
    assert instance.query("select count(*) from ops.gold_build") == ["0"]


def test_a_fault_of_our_own_has_its_own_code(instance: Instance) -> None:
    """Not 1, which says nothing, nor 130, which a workflow tries again."""
    script = (
        "from stocks.warehouse import runlog\n"
        "runlog.RunLog.sweep = lambda *_: 1 / 0\n"
        "from stocks.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "run"],
        env=instance.environment,
        cwd=instance.state.parent,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 70
    assert "please report it" in ended.stderr


SURROGATE = "\udcff"  # a byte that is no UTF-8, as Python has it
SOURCE = {"STOCKS_SOURCE": "alphavantage", "ALPHAVANTAGE_API_KEY": "K3YK3YK3Y"}


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "told"),
    [
        (("query", "select chr(0)"), {}, 78, "null character not permitted"),
        (("query", "select time '24:00', timetz '24:00+15'"), {}, 0, "24:00:00  24:00:00+15"),
        (("query", "select json '\"\\ud800\"'"), {}, 0, "\\ud800"),
        (("query", "select 'ü'", "--format", "csv"), {"PYTHONIOENCODING": "ascii"}, 0, "\\xfc"),
        (("query", f"select '{SURROGATE}'"), {}, 78, "invalid byte sequence"),
        (("status", "--output", "text"), {"PYTHONIOENCODING": "ascii"}, 0, "tests passed"),
        (("status",), {"PGSSLMODE": "nonsense"}, 78, "PGSSLMODE"),
        (("plan", "--to", "/nowhere/file"), {}, 78, "/nowhere/file can't be written: No such file or directory."),
        (("plan",), {"STOCKS_SOURCE": SURROGATE}, 78, "STOCKS_SOURCE: Value error, it is not UTF-8"),
        (("env", "--", "/nowhere/program"), {}, 78, "'/nowhere/program' can't be run"),
        (("env", "--", ""), {}, 78, "'' can't be run"),
        (("sample-api", "--host", SURROGATE), {}, 78, "Can't listen on"),
        (("extract", "--tickers", "IBM"), {**SOURCE, "HTTPS_PROXY": "socks5://x"}, 78, "HTTP client can't be made"),
        (("extract", "--tickers", "IBM"), {**SOURCE, "SSL_CERT_FILE": "/nowhere"}, 78, "HTTP client can't be made"),
        (("plan",), {**SOURCE, "STOCKS_PROVIDER_URL": "http://xn--.invalid"}, 78, "no address that can be asked"),
    ],
)
def test_what_nobody_would_type_is_answered_in_words(
    sample_instance: Instance, arguments: tuple[str, ...], variables: dict[str, str], code: int, told: str
) -> None:
    ended = sample_instance.stocks(*arguments, **variables)
    assert told in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code
