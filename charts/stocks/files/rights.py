"""Fails where the login for bronze may delete there, or the reader's login may write to the warehouse."""

import sys

import botocore.exceptions
import psycopg
import tenacity

from stocks.bronze.bucket_store import s3_client
from stocks.settings import load_settings

# A network policy may come into force some seconds after the pod.
again = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type((botocore.exceptions.ConnectionError, psycopg.OperationalError)),
    stop=tenacity.stop_after_delay(30),
    wait=tenacity.wait_fixed(1),
    reraise=True,
)
settings = load_settings()
wrong = []

bucket = settings.store_url.removeprefix("s3://").partition("/")[0]
try:
    again(s3_client(settings).delete_object, Bucket=bucket, Key="no-such-object")
    wrong.append("bronze can be deleted")
except botocore.exceptions.ClientError as error:
    print("bronze:", error)

with again(psycopg.connect, settings.stocks_warehouse_url.get_secret_value(), autocommit=True) as connection:
    for statement in (
        "delete from silver.price_bar where false",
        "create table gold.intruder ()",
        "set role stocks_writer",
    ):
        try:
            connection.execute(statement)
            wrong.append(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            print("warehouse:", str(error).splitlines()[0])

sys.exit("\n".join(wrong) or 0)
