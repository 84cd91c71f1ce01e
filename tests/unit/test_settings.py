"""Settings: names, what is in force, and messages that name the variable and keep its value."""

import inspect
import re
import traceback
from datetime import date
from pathlib import Path

import pytest

from stocks.errors import ConfigError
from stocks.settings import Settings, load_settings, project_folder

EXAMPLE = Path(__file__).parents[2] / ".env.example"
NAMES = {name.upper() for name in Settings.model_fields}
SECRETS = {
    "ALPHAVANTAGE_API_KEY": "K3YK3YK3YK3Y",
    "TIINGO_API_KEY": "T1I1N1G1O1T1",
    "STOCKS_WAREHOUSE_URL": "postgresql://u:hushhush@h:5432/d",
    "AWS_ACCESS_KEY_ID": "AKIAHUSHHUSH",
    "AWS_SECRET_ACCESS_KEY": "hush/hush/hush",
}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory has no .env."""
    monkeypatch.chdir(tmp_path)


def test_names_are_the_architectures() -> None:
    assert {
        "STOCKS_SOURCE",
        "ALPHAVANTAGE_API_KEY",
        "TIINGO_API_KEY",
        "STOCKS_SERIES",
        "STOCKS_PROVIDER_URL",
        "STOCKS_SAMPLE_AS_OF",
        "STOCKS_REQUESTS_PER_DAY",
        "STOCKS_REQUESTS_PER_MINUTE",
        "STOCKS_ANSWER_BYTES",
        "STOCKS_ANSWER_ROWS",
        "STOCKS_ANSWER_NESTING",
        "STOCKS_TAIL_OVERLAP",
        "STOCKS_WHOLE_EVERY",
        "STOCKS_STORE_URL",
        "STOCKS_BACKUP_URL",
        "STOCKS_LOG_DAYS",
        "STOCKS_WAREHOUSE_URL",
        "STOCKS_CONNECT_WAIT",
        "STOCKS_STATE_DIR",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    } == NAMES


def test_example_lists_exactly_the_settings() -> None:
    assert sorted(re.findall(r"^#([A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)) == sorted(NAMES)


def test_example_sets_nothing_and_its_values_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    text = EXAMPLE.read_text()
    assert not re.search(r"^[^#\n]", text, re.MULTILINE)
    Path(".env").write_text(re.sub(r"^#(?=[A-Z0-9_]+=)", "", text, flags=re.MULTILINE))
    assert load_settings().stocks_sample_as_of == date(2005, 2, 25)


def test_every_setting_is_documented() -> None:
    documented = re.findall(r'^    (\w+): [^\n]+\n    """', inspect.getsource(Settings), re.MULTILINE)
    assert {name.upper() for name in documented} == NAMES


def test_nothing_set_is_the_sample_with_everything_in_the_state_folder(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.sources == ("sample",)
    assert settings.stocks_state_dir == tmp_path / ".state"
    assert settings.store_url == (tmp_path / ".state" / "bronze").as_uri()
    assert settings.stocks_warehouse_url is None
    assert (settings.stocks_series, settings.stocks_requests_per_day) == (None, None)


@pytest.mark.parametrize(
    ("source", "key", "in_force"),
    [
        ("", "", "sample"),
        ("", "K3Y", "alphavantage"),
        ("sample", "", "sample"),
        ("sample", "K3Y", "sample"),
        ("alphavantage", "", "alphavantage"),
        ("alphavantage", "K3Y", "alphavantage"),
        (" tiingo , alphavantage,tiingo,", "K3Y", "tiingo,alphavantage"),
        ("one-of-the-future", "", "one-of-the-future"),
    ],
)
def test_sources_in_force(source: str, key: str, in_force: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_SOURCE", source)
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", key)
    assert load_settings().sources == tuple(in_force.split(","))


def test_every_key_brings_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIINGO_API_KEY", "K3Y")
    assert load_settings().sources == ("tiingo",)
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "K3Y")
    assert load_settings().sources == ("alphavantage", "tiingo")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_empty_variable_is_no_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    field = name.lower()
    given = getattr(load_settings(), field)
    monkeypatch.delenv(name)
    assert given == getattr(load_settings(), field)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STOCKS_SERIES", "hourly-XYZZY"),
        ("STOCKS_SAMPLE_AS_OF", "XYZZY-02-30"),
        ("STOCKS_REQUESTS_PER_DAY", "XYZZY"),
        ("STOCKS_REQUESTS_PER_DAY", "-98765"),
        ("STOCKS_REQUESTS_PER_MINUTE", "0.98765"),
        ("STOCKS_ANSWER_BYTES", "-98765"),
        ("STOCKS_ANSWER_BYTES", "9876500000000000000000"),
        ("STOCKS_ANSWER_NESTING", "98765"),
    ],
)
def test_wrong_value_is_named_and_not_shown(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as caught:
        load_settings()
    told = "".join(traceback.format_exception(caught.value))
    assert "XYZZY" not in told
    assert "98765" not in told


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_SERIES", "hourly")
    monkeypatch.setenv("STOCKS_REQUESTS_PER_DAY", "0")
    with pytest.raises(ConfigError, match=r"STOCKS_SERIES.*STOCKS_REQUESTS_PER_DAY"):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.alphavantage_api_key is not None
    assert settings.alphavantage_api_key.get_secret_value() == SECRETS["ALPHAVANTAGE_API_KEY"]
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert not [name for name, value in SECRETS.items() if value in shown]


def test_secrets_are_not_shown_where_another_value_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRETS, "STOCKS_SERIES": "hourly"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    told = "".join(traceback.format_exception(caught.value))
    assert not [name for name, value in SECRETS.items() if value in told]


def test_env_file_of_the_working_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("STOCKS_SERIES=weekly_adjusted\nSTOCKS_REQUESTS_PER_DAY=7\nOTHER=1\n")
    monkeypatch.setenv("STOCKS_REQUESTS_PER_DAY", "8")
    settings = load_settings()
    assert settings.stocks_series == "weekly_adjusted"
    assert settings.stocks_requests_per_day == 8  # the environment wins


def test_env_file_that_is_no_text_is_a_config_error() -> None:
    Path(".env").write_bytes(b"STOCKS_SERIES=\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"\.env"):
        load_settings()


def test_state_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_STATE_DIR", "elsewhere/state")
    assert load_settings().stocks_state_dir == tmp_path / "elsewhere" / "state"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STOCKS_STATE_DIR", "~/state")
    assert load_settings().stocks_state_dir == tmp_path / "home" / "state"


def test_store_folder_with_a_space_is_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_STATE_DIR", str(tmp_path / "my state"))
    assert load_settings().store_url.endswith("/my%20state/bronze")
    monkeypatch.setenv("STOCKS_STORE_URL", "s3://bronze")
    assert load_settings().store_url == "s3://bronze"


def test_project_folder_that_is_set_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dbt_project.yml").touch()
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))
    assert project_folder() == tmp_path


def test_project_folder_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="DBT_PROJECT_DIR"):
        project_folder()


def test_project_folder_is_found_above_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dbt").mkdir()
    (tmp_path / "dbt" / "dbt_project.yml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project_folder() == tmp_path / "dbt"


def test_project_folder_is_found_from_the_code_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder() == Path(__file__).parents[2] / "dbt"


def test_a_home_that_is_nobodys_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_STATE_DIR", "~nosuchuser/state")
    with pytest.raises(ConfigError, match=r"STOCKS_STATE_DIR.*no user"):
        load_settings()
