"""The environment, read in one place.

A field's name is the variable's name in lower case. Charts, ConfigMaps and `.env.example` carry the
same names; a test compares them.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stocks.errors import ConfigError

Series = Literal["daily_adjusted", "weekly_adjusted"]

_KEY = "_api_key"


class Settings(BaseSettings):
    """All settings, from the environment first, then from `.env` in the working directory."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    stocks_source: str | None = None
    """Where prices come from: one source or several, the preferred one first; those that have a key where unset."""
    alphavantage_api_key: SecretStr | None = None
    """Alpha Vantage's key; the free one gives 25 requests a day."""
    tiingo_api_key: SecretStr | None = None
    """Tiingo's key; the free one gives 50 requests an hour, 1,000 a day and 500 symbols a month."""
    stocks_series: Series | None = None
    """Which series is fetched; where unset, each source has one of its own: weekly only Alpha Vantage, daily others."""
    stocks_provider_url: str | None = None
    """Another address of the source, such as that of `stocks sample-api`; with several sources name=url, name=url."""
    stocks_sample_as_of: date | None = None
    """The day that the sample pretends it is (YYYY-MM-DD); its last day where unset."""
    stocks_requests_per_day: int | None = Field(default=None, gt=0)
    """Requests a day that processes sharing a key may make together; the limits of the free plan where unset."""
    stocks_requests_per_minute: int | None = Field(default=None, gt=0)
    """Requests a minute, spread evenly; those of the free plan where unset."""
    stocks_answer_bytes: int = Field(default=32 * 2**20, gt=0, lt=2**31)
    """Bytes of an answer that are read at most, as sent and as unpacked: six times what the longest series takes."""
    stocks_answer_rows: int = Field(default=100_000, gt=0)
    """Rows (JSON objects) that an answer may hold: six times as many as there were days since 1962."""
    stocks_answer_nesting: int = Field(default=32, gt=0, le=500)
    """How deep objects and lists may be nested in an answer; a series takes three."""
    stocks_tail_overlap: int = Field(default=75, ge=75, le=1000)
    """Final bars that the newest bars of a series must share with silver, or the whole series is fetched; rules look
    back as far."""
    stocks_whole_every: int = Field(default=91, gt=0)
    """Days after which a series is fetched whole anyway; the symbols have their turns spread over them. 1: always."""
    stocks_store_url: str | None = None
    """Bronze: file:///folder or s3://bucket/prefix; the state folder where unset."""
    stocks_backup_url: str | None = None
    """Backups of the warehouse: file:///folder or s3://bucket/prefix; the state folder where unset."""
    stocks_warehouse_url: SecretStr | None = None
    """postgresql://user:password@host:port/database; the embedded server where unset."""
    stocks_connect_wait: int = Field(default=0, ge=0)
    """Seconds to wait for a warehouse that can't be reached or isn't migrated yet: in a cluster pods may come first."""
    stocks_log_days: int = Field(default=400, ge=62)
    """Days for which the warehouse keeps its logs: runs, steps, what gold's tests found, requests that were counted."""
    stocks_state_dir: Path = Path(".state")
    """Folder of the embedded instance: PostgreSQL, bronze, dbt's artifacts, locks."""
    aws_endpoint_url_s3: str | None = None
    """Address of an S3 server that isn't AWS (RustFS, MinIO)."""
    aws_region: str | None = None
    """Region of the bucket."""
    aws_access_key_id: SecretStr | None = None
    """S3 credential; boto3's own chain where unset."""
    aws_secret_access_key: SecretStr | None = None
    """S3 credential; boto3's own chain where unset."""

    @field_validator("*", mode="before")
    @classmethod
    def _utf8(cls, value: object) -> object:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise ValueError("it is not UTF-8") from None
        return value

    @field_validator("stocks_state_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        try:
            return folder.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no user of that name, or no home of this one") from None

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources in force, the preferred one first; `stocks.providers.in_force` checks them.

        What is set, else those that have a key, else the sample.
        """
        if self.stocks_source:
            return tuple(dict.fromkeys(name.strip() for name in self.stocks_source.split(",") if name.strip()))
        keys = [name for name in type(self).model_fields if name.endswith(_KEY) and getattr(self, name)]
        return tuple(name.removesuffix(_KEY) for name in keys) or ("sample",)

    @property
    def store_url(self) -> str:
        """The bronze store in force."""
        return self.stocks_store_url or (self.stocks_state_dir / "bronze").as_uri()

    @property
    def backup_url(self) -> str:
        """The store of backups in force."""
        return self.stocks_backup_url or (self.stocks_state_dir / "backups").as_uri()


def api_keys() -> list[str]:
    """The names of the variables that hold providers' keys."""
    return [name.upper() for name in Settings.model_fields if name.endswith("_api_key")]


def load_settings(*, series: str = "") -> Settings:
    """Reads the settings.

    Args:
        series: Goes before STOCKS_SERIES where it is not empty.

    Raises:
        ConfigError: A value is not of its type, and the message names the variable, never the value; or .env can't
            be read.
    """
    try:
        return Settings(stocks_series=cast("Series", series)) if series else Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{str(e['loc'][0]).upper() if e['loc'] else 'settings'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"Wrong settings: {wrong}.", hint="See .env.example.") from None
    except (UnicodeDecodeError, OSError):
        raise ConfigError("The file .env can't be read.", hint="It must be a text file in UTF-8.") from None


def project_folder() -> Path:
    """The dbt project: DBT_PROJECT_DIR where it is set, else the nearest dbt/ above the working directory or the code.

    Raises:
        ConfigError: There is none.
    """
    if configured := os.environ.get("DBT_PROJECT_DIR"):  # noqa: TID251 -- this is the place
        folder = Path(configured).absolute()
        if (folder / "dbt_project.yml").is_file():
            return folder
        raise ConfigError(f"DBT_PROJECT_DIR names {folder}, which holds no dbt_project.yml.")
    for start in (Path.cwd(), Path(__file__)):
        for parent in (start, *start.parents):
            if (parent / "dbt" / "dbt_project.yml").is_file():
                return parent / "dbt"
    raise ConfigError(
        "No dbt project was found above the working directory.",
        hint="Set DBT_PROJECT_DIR to the folder that holds dbt_project.yml.",
    )
