"""History that the provider restates, and the way back to what was known before."""

from __future__ import annotations

import subprocess

import pytest
from tests.conftest import NewInstance
from tests.instance import Instance, events

FRIDAY, MONDAY = "2005-02-25", "2005-02-28"  # Apple's two-for-one split was on that Monday
AAPL = "select price_date, adjusted_close from silver.price_bar where symbol = 'AAPL' order by 1"
HISTORY = "select symbol, company_name, dbt_valid_from, dbt_valid_to from snapshots.dim_stock_versions order by 1, 3"
RETURNS = "select price_date, simple_return from gold.fact_adjusted_prices where symbol = 'AAPL' order by 1"


def known(instance: Instance) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Gold, silver and its restatements."""
    columns = "symbol, interval, price_date, adjusted_close, bronze_key, observed_at, is_final"
    return (
        instance.gold(),
        instance.query(f"select {columns} from silver.price_bar order by 1, 2, 3"),
        instance.query("select * from silver.restatement order by bronze_key"),
    )


def lose_the_warehouse(instance: Instance) -> None:
    """As if its disk were gone; files of the server's account among them."""
    subprocess.run(["rm", "-rf", instance.state / "postgres"], check=True)


@pytest.fixture(scope="module")
def two_days(new_instance: NewInstance, tmp_path_factory: pytest.TempPathFactory) -> tuple[Instance, list[object]]:
    """An instance that ran on the Friday and on the Monday, with what it knew on each."""
    instance = new_instance(tmp_path_factory.mktemp("split") / "state")
    states: list[object] = []
    for day in (FRIDAY, MONDAY):
        ended = instance.stocks("run", "--json", STOCKS_SAMPLE_AS_OF=day)
        assert ended.returncode == 0, ended.stdout
        states.append((*known(instance), instance.query(AAPL), instance.query(RETURNS)))
    return instance, states


def test_a_split_restates_every_earlier_close_and_says_so(two_days: tuple[Instance, list[object]]) -> None:
    instance, [friday, monday] = two_days
    before, after = (dict(line.split(",") for line in state[3]) for state in (friday, monday))
    assert MONDAY not in before
    for day, adjusted_close in before.items():
        assert float(after[day]) == pytest.approx(float(adjusted_close) / 2, rel=1e-9), day
    assert instance.query(
        "select symbol, bars_changed, first_date, last_date, round(largest_factor::numeric, 9) from silver.restatement"
    ) == [f"AAPL,{len(before)},2000-03-01,{FRIDAY},0.500000000"]


def test_returns_do_not_jump_at_the_split(two_days: tuple[Instance, list[object]]) -> None:
    _, [friday, monday] = two_days
    before, after = (dict(line.split(",") for line in state[4] if "None" not in line) for state in (friday, monday))
    for day, simple_return in before.items():
        assert float(after[day]) == pytest.approx(float(simple_return), abs=1e-9), day
    assert abs(float(after[MONDAY])) < 0.05


def test_only_the_restated_symbols_are_computed_again(two_days: tuple[Instance, list[object]]) -> None:
    _, [friday, monday] = two_days
    assert len(monday[1]) == len(friday[1]) + 4  # one bar more for AAPL, GOOG, IBM and MSFT each


def test_replay_as_of_the_friday_brings_it_back_and_replay_the_monday(
    two_days: tuple[Instance, list[object]],
) -> None:
    instance, [friday, monday] = two_days
    back = instance.stocks("replay", "--as-of", FRIDAY, "--json", STOCKS_PROVIDER_URL="http://127.0.0.1:1")
    assert back.returncode == 0, back.stdout
    assert known(instance) == friday[:3]
    lose_the_warehouse(instance)  # bronze alone is enough
    forth = instance.stocks("replay", "--json", STOCKS_PROVIDER_URL="http://127.0.0.1:1")
    assert forth.returncode == 0, forth.stdout
    assert known(instance) == monday[:3]
    assert events(forth)[-1]["exit_code"] == 0


def test_a_killed_replay_is_made_good_by_the_next(two_days: tuple[Instance, list[object]]) -> None:
    instance, [_, monday] = two_days
    instance.stop_when(lambda event: event.get("stage") == "replay", "replay")
    assert instance.stocks("replay").returncode == 0
    assert known(instance) == monday[:3]


def test_an_older_day_changes_nothing_that_is_known(two_days: tuple[Instance, list[object]]) -> None:
    instance, [_, monday] = two_days
    assert instance.stocks("run", STOCKS_SAMPLE_AS_OF="2004-12-01").returncode == 0
    assert known(instance)[1] == monday[1]


def test_what_a_backup_gives_back_is_what_was_lost(two_days: tuple[Instance, list[object]]) -> None:
    instance, [_, monday] = two_days
    assert instance.stocks("universe", "add", "TSLA").returncode == 0
    assert instance.stocks("backup").returncode == 0
    history = instance.query(HISTORY)
    runs = instance.query("select * from ops.run where command <> 'backup' order by run_id")
    lose_the_warehouse(instance)
    restored = instance.stocks("restore")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert instance.query("select * from ops.run order by run_id") == runs
    assert instance.stocks("restore").returncode == 78, "it is empty no more"
    assert instance.stocks("gold", "--if-changed").returncode == 0
    gold, *silver = known(instance)
    assert silver == list(monday[1:3])
    for table, rows in gold.items():
        assert [row for row in rows if "TSLA" not in row] == monday[0][table], table
    assert [row for row in instance.query(HISTORY) if not row.startswith("TSLA")] == history


@pytest.mark.parametrize("text", ["yesterday", "2005-02-30", "2005-13-01T00:00"])
def test_a_moment_that_is_none_is_refused(instance: Instance, text: str) -> None:
    ended = instance.stocks("replay", "--as-of", text)
    assert ended.returncode == 78
    assert "is no moment" in ended.stdout + ended.stderr
