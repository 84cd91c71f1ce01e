"""What dbt is told of the warehouse, and of the schemas of gold."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from stocks.settings import project_folder
from stocks.warehouse import Warehouse
from stocks.warehouse.connection import limits

BUILD_SCHEMA, PUBLISHED_SCHEMA = "gold_next", "gold"


def environment(warehouse: Warehouse, *, schema: str | None = None) -> dict[str, str]:
    """The variables that dbt/profiles.yml reads; the password under a name that dbt keeps out of its logs.

    The libpq names make `psql` work in the same shell.
    """
    parts = urlsplit(warehouse.url)
    password = unquote(parts.password or "")
    return {
        "DBT_PROJECT_DIR": str(project_folder()),
        "DBT_PROFILES_DIR": str(project_folder()),
        "DBT_ENV_SECRET_PGPASSWORD": password,
        "PGHOST": parts.hostname or "localhost",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": password,
        "PGDATABASE": parts.path.removeprefix("/"),
        "PGOPTIONS": limits(),
        **({"STOCKS_GOLD_SCHEMA": schema} if schema else {}),
    }
