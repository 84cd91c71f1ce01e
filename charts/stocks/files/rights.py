"""Fails where the login for bronze may delete there, or the reader's login may write to the warehouse."""

import sys

import botocore.exceptions
import psycopg

from stocks.bronze.bucket_store import s3_client
from stocks.settings import load_settings
from stocks.warehouse.connection import connect_within

settings = load_settings()
wrong = []

bucket = settings.store_url.removeprefix("s3://").partition("/")[0]
try:
    # So often, since a network policy may come into force some seconds after the pod.
    s3_client(settings, attempts=10).delete_object(Bucket=bucket, Key="no-such-object")
    wrong.append("bronze can be deleted")
except botocore.exceptions.ClientError as error:
    print("bronze:", error)

url = settings.stocks_warehouse_url.get_secret_value()
with connect_within(settings.stocks_connect_wait, url) as connection:
    for statement in (
        "delete from silver.bar where false",
        "create table gold.intruder ()",
        "set role stocks_writer",
    ):
        try:
            connection.execute(statement)
            wrong.append(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            print("warehouse:", str(error).splitlines()[0])

sys.exit("\n".join(wrong) or 0)
