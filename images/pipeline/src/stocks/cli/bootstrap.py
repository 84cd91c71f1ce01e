"""`stocks bootstrap`: what a server's administrator does once, before the pipeline's own logins can do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stocks.errors import ConfigError
from stocks.settings import load_settings

app = typer.Typer(help="Make databases, buckets and logins in servers of our own; the charts' Jobs do it.")


@app.command()
def warehouse(
    logins: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder with a file a login: its STOCKS_WAREHOUSE_URL.")
    ],
) -> None:
    """Make the database and its three logins, as the superuser that PGHOST, PGUSER, PGPASSWORD… name."""
    from stocks.warehouse.bootstrap import bootstrap

    database = bootstrap(logins, connect_wait=load_settings().stocks_connect_wait)
    print(f"The database {database} and its logins are there.")


@app.command()
def store(
    append_only: Annotated[
        list[Path], typer.Option(help="Folder named as a bucket, with access-key and secret-key: may not delete there.")
    ] = [],  # noqa: B006 - typer copies it
    read_write: Annotated[list[Path], typer.Option(help="The same for a login that may delete.")] = [],  # noqa: B006
    lock_days: Annotated[
        int, typer.Option(min=0, help="Days for which an object of an append-only bucket is locked; 0: not at all.")
    ] = 0,
    expire: Annotated[
        list[str], typer.Option(help="BUCKET=DAYS after which the server deletes an object there; 0: never.")
    ] = [],  # noqa: B006
) -> None:
    """Make buckets and a login for each, as the root login in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

    An append-only bucket keeps every version of its objects, where the server can.
    """
    from stocks.bronze.bucket_store import s3_client
    from stocks.bronze.provision import provision, read_login

    logins = [read_login(folder, may_delete=False) for folder in append_only]
    logins += [read_login(folder, may_delete=True) for folder in read_write]
    days = {}
    for each in expire:
        bucket, _, number = each.rpartition("=")
        if not bucket or not number.isdecimal():
            raise ConfigError(f"--expire {each!r} is no BUCKET=DAYS.")
        days[bucket] = int(number)
    for sentence in provision(s3_client(load_settings()), logins, lock_days=lock_days, expire_days=days):
        print(sentence)
