"""What the environment says. The names are those that the pipeline, the charts and .env.example use."""

from __future__ import annotations

from pydantic import PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from stocks_dashboard.errors import SettingsWrong


class Settings(BaseSettings):
    """Settings of the dashboard; each field's name in capitals is its variable."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    stocks_warehouse_url: SecretStr
    """postgresql://user:password@host:port/database, of a login that may only read."""
    stocks_requests_per_day: PositiveInt | None = None
    """The requests that a key may make in a day, which the health page compares with what was used."""
    stocks_dashboard_login: bool = False
    """Whether visitors must log in; Streamlit's secrets.toml says by whom."""


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsWrong: A variable is missing or makes no sense.
    """
    try:
        return Settings()  # type: ignore[call-arg] # the environment gives them
    except ValidationError as error:
        names = ", ".join(sorted({f"`{str(each['loc'][0]).upper()}`" for each in error.errors()}))
        raise SettingsWrong(
            f"Set {names}, then start the dashboard again. `make dashboard` does it for the embedded warehouse."
        ) from None
