"""What dbt is told of the warehouse, and of the schemas of gold."""

from __future__ import annotations

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from stocks.settings import project_folder
from stocks.warehouse import Warehouse
from stocks.warehouse.connection import limits

BUILD_SCHEMA, PUBLISHED_SCHEMA = "gold_next", "gold"
NO_CONNECTION = {"PGHOST": "127.0.0.1", "PGPORT": "5432", "PGUSER": "stocks_owner"}
"""For a parse, which connects to nothing: what dbt/profiles.yml has where nothing is set."""

_LIBPQ = {each.keyword.decode(): each.envvar.decode() for each in pq.Conninfo.get_defaults() if each.envvar}
"""The variable by which libpq, and so dbt, takes each part of a connection: sslmode is PGSSLMODE."""


def environment(warehouse: Warehouse, *, schema: str | None = None) -> dict[str, str]:
    """The variables that dbt/profiles.yml and libpq read: all that the warehouse's URL says.

    The password also stands under a name that dbt keeps out of its logs. libpq's names are for `psql` there, too.
    """
    said = conninfo_to_dict(warehouse.url)
    return {
        "DBT_PROJECT_DIR": str(project_folder()),
        "DBT_PROFILES_DIR": str(project_folder()),
        "DBT_ENV_SECRET_PGPASSWORD": str(said.get("password", "")),
        "PGHOST": "localhost",
        "PGPORT": "5432",
        **{_LIBPQ[name]: str(value) for name, value in said.items() if name in _LIBPQ},
        "PGOPTIONS": limits(),
        **({"STOCKS_GOLD_SCHEMA": schema} if schema else {}),
    }
