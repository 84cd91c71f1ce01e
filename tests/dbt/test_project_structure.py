"""How the dbt project is laid out: what is described, what is enforced, and the traps of its name."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests import forked

from stocks.gold.environment import BUILD_SCHEMA, NO_CONNECTION
from stocks.settings import project_folder

PROJECT = project_folder()
REPOSITORY = PROJECT.parent

# Architecture, "Gold": what readers build on. A model may have more.
_PROMISED = {
    "dim_stock": "stock_key symbol company_name exchange currency sector industry",
    "dim_stock_history": (
        "stock_key symbol company_name exchange currency sector industry valid_from valid_to is_current"
    ),
    "dim_date": (
        "date_key date_day iso_year iso_week week_ending year quarter month is_weekend is_trading_day session_number"
    ),
    "dim_source": "source_key source_name endpoint adjustment",
    "fact_adjusted_prices": (
        "price_key stock_key date_key source_key interval price_date symbol open high low close adjusted_close "
        "split_adjusted_close volume dividend_amount split_coefficient simple_return log_return return_zscore "
        "volatility_52w high_52w low_52w drawdown silver_load_id"
    ),
    "fact_weekly_prices": (
        "stock_key symbol iso_year iso_week week_ending price_date adjusted_close weekly_return volume sessions"
    ),
    "mart_stock_summary": "symbol",
    "data_quality": "rule severity failures checked_at",
}


def parse(target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """dbt reads the project, without a database and with every warning an error."""
    return forked.run(
        "dbt",
        ["--warn-error", "parse", "--no-partial-parse", *options],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
    )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What dbt makes of the project."""
    target = tmp_path_factory.mktemp("target")
    ended = parse(target)
    assert ended.returncode == 0, ended.stdout
    return json.loads((target / "manifest.json").read_text())


def of_type(manifest: dict[str, Any], *types: str) -> list[dict[str, Any]]:
    """The project's own nodes of some resource types."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] in types]


def test_the_name_dbt_hides_no_package() -> None:
    """A dbt/__init__.py replaces dbt-core on sys.path; dbt imports every top-level module dbt_* as a plugin."""
    assert not (PROJECT / "__init__.py").exists()
    folders = [REPOSITORY, REPOSITORY / "images/pipeline/src", REPOSITORY / "tests"]
    assert [path for folder in folders for path in (*folder.glob("dbt_*.py"), *folder.glob("dbt_*/__init__.py"))] == []


def test_every_node_and_column_is_described(manifest: dict[str, Any]) -> None:
    nodes = [*of_type(manifest, "model", "seed", "snapshot"), *manifest["sources"].values()]
    assert [node["name"] for node in nodes if not node["description"]] == []
    assert [
        f"{node['name']}.{column['name']}"
        for node in nodes
        for column in node["columns"].values()
        if not column["description"]
    ] == []
    assert [name for name, test in manifest["unit_tests"].items() if not test["description"]] == []


def test_every_model_has_a_file_of_its_own_that_describes_it(manifest: dict[str, Any]) -> None:
    for node in of_type(manifest, "model"):
        assert node["patch_path"] == f"stocks://models/gold/{node['name']}.yml"
    for node in of_type(manifest, "seed"):
        header = (PROJECT / node["original_file_path"]).read_text(encoding="utf-8").splitlines()[0].split(",")
        assert list(node["columns"]) == header
        assert list(node["config"]["column_types"]) == header


def test_every_model_has_an_enforced_contract(manifest: dict[str, Any]) -> None:
    for node in of_type(manifest, "model"):
        assert node["config"]["contract"]["enforced"], node["name"]
        assert all(column["data_type"] for column in node["columns"].values())


def test_models_have_the_columns_that_the_architecture_promises(manifest: dict[str, Any]) -> None:
    models = {node["name"]: list(node["columns"]) for node in of_type(manifest, "model")}
    for name, columns in _PROMISED.items():
        assert [column for column in columns.split() if column not in models[name]] == []


def test_no_schema_is_written_into_a_query() -> None:
    """Gold is built in gold_next and published by a rename: nothing may say where it is."""
    named = re.compile(r"\b(gold|gold_next|silver|ops|snapshots)\.[a-z_]+", re.IGNORECASE)
    comments = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
    for path in PROJECT.glob("*/**/*.sql"):
        if path.relative_to(PROJECT).parts[0] != "target":
            assert named.search(comments.sub("", path.read_text(encoding="utf-8"))) is None, path


def test_every_singular_test_says_what_it_is_for(manifest: dict[str, Any]) -> None:
    singular = [node for node in of_type(manifest, "test") if "test_metadata" not in node]
    assert len(singular) > 10
    for node in singular:
        text = (PROJECT / node["original_file_path"]).read_text(encoding="utf-8")
        assert node["name"].startswith("assert_")
        assert re.match(r"\{#-\n    Detects: .*?\n    Why: .*?\n    A row: .*?-#\}", text, re.DOTALL), node["name"]
        assert not re.search(r"^select \*", text, re.MULTILINE), node["name"]  # its rows are shown to a person


def test_every_macro_is_used() -> None:
    """A generic test or macro that nothing calls is a claim that nothing checks."""
    files = [
        path
        for path in (*PROJECT.glob("*/**/*.sql"), *PROJECT.glob("*/**/*.yml"))
        if path.relative_to(PROJECT).parts[0] != "target"
    ]
    of_models = {f"{path.stem}_replaced" for path in PROJECT.glob("models/*/*.sql")}  # the materialization calls these
    called_by_dbt = {"generate_schema_name", "load_csv_rows", *of_models}
    for path in (*PROJECT.glob("macros/*.sql"), *PROJECT.glob("tests/generic/*.sql")):
        users = [other for other in files if other != path and path.stem in other.read_text(encoding="utf-8")]
        assert users or path.stem in called_by_dbt, path.stem


def test_set_up_parses_as_a_build_does() -> None:
    """Else dbt would not take that parse for current, and a first build would be four seconds longer."""
    (line,) = re.findall(r"^\t@(PGHOST=.*) \\$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    set_up = dict(word.split("=", 1) for word in line.split())
    assert set_up == {**NO_CONNECTION, "PGDATABASE": "stocks", "STOCKS_GOLD_SCHEMA": BUILD_SCHEMA}
