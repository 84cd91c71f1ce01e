"""What dbt knows of the sources: their series, and the order in which gold prefers them."""

from __future__ import annotations

from collections.abc import Sequence

from stocks.providers import PROVIDERS
from stocks.warehouse.connection import Connection


def write_sources(connection: Connection, order: Sequence[str]) -> None:
    """Writes ops.source_series, as a build of gold does when it begins.

    A source that the code knows no more keeps its rows, as it keeps its bars; it is preferred to none.

    Args:
        connection: Of a writer.
        order: `Settings.sources`.
    """
    places = {name: place for place, name in enumerate(order, start=1)}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("update ops.source_series set preference = null where preference is not null")
        cursor.executemany(
            """
            insert into ops.source_series (source, interval, endpoint, adjustment, preference)
            values (%s, %s, %s, %s, %s)
            on conflict (source, interval) do update set
                endpoint = excluded.endpoint, adjustment = excluded.adjustment, preference = excluded.preference
            """,
            [
                (provider.name, endpoint.interval, endpoint.name, provider.adjustment, places.get(provider.name))
                for provider in PROVIDERS.values()
                for endpoint in provider.endpoints
                if endpoint.interval is not None
            ],
        )
