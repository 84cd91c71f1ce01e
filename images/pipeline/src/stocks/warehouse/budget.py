"""Requests with one API key, counted in the warehouse so that many processes share it."""

from __future__ import annotations

import hashlib
from typing import LiteralString

from pydantic import SecretStr

from stocks.errors import QuotaSpent
from stocks.settings import Settings
from stocks.source import RequestBudget, Unlimited
from stocks.warehouse.connection import Role, Warehouse

# One statement takes a request of the day and a place in the queue. The row's lock makes it atomic between
# processes; where the day is spent, it writes nothing and gives no row.
_ACQUIRE: LiteralString = """
insert into ops.api_budget as budget (budget_key, day, used, next_slot_at)
values (%(key)s, (now() at time zone 'UTC')::date, 1, clock_timestamp() + %(spacing)s)
on conflict (budget_key, day) do update set
    used = budget.used + 1,
    next_slot_at = greatest(budget.next_slot_at, clock_timestamp()) + %(spacing)s
where budget.used < %(per_day)s and budget.exhausted_at is null
returning extract(epoch from next_slot_at - %(spacing)s - clock_timestamp())::double precision
"""

_EXHAUST: LiteralString = """
insert into ops.api_budget as budget (budget_key, day, used, next_slot_at, exhausted_at)
values (%(key)s, (now() at time zone 'UTC')::date, 0, clock_timestamp(), clock_timestamp())
on conflict (budget_key, day) do update set exhausted_at = coalesce(budget.exhausted_at, clock_timestamp())
"""


class SharedBudget:
    """The request budget of one API key, a day in UTC.

    Args:
        warehouse: Holds ops.api_budget.
        provider: Name of the provider.
        api_key: The key; only a fingerprint of it is stored.
        per_day: Requests a day.
        per_minute: Requests a minute, spread evenly.
    """

    def __init__(
        self, warehouse: Warehouse, *, provider: str, api_key: SecretStr, per_day: int, per_minute: int
    ) -> None:
        self._warehouse = warehouse
        self._per_day = per_day
        fingerprint = hashlib.sha256(api_key.get_secret_value().encode()).hexdigest()[:12]
        self._values = {
            "key": f"{provider}:{fingerprint}",
            "per_day": per_day,
            "spacing": f"{60 / per_minute} seconds",
        }

    def acquire(self) -> float:
        """Takes one request; gives the seconds to wait before it is sent.

        Raises:
            QuotaSpent: The day's requests are used up.
        """
        with self._warehouse.connect(Role.WRITER) as connection:
            row = connection.execute(_ACQUIRE, self._values).fetchone()
        if row is None:
            raise QuotaSpent(
                f"The day's {self._per_day} requests are spent.",
                hint="The next run goes on from here after midnight UTC; STOCKS_REQUESTS_PER_DAY sets the number.",
            )
        return max(float(row[0]), 0.0)

    def exhaust(self) -> None:
        """Notes that the provider refuses more requests today, for every process that uses the key."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(_EXHAUST, self._values)


def request_budget(settings: Settings, warehouse: Warehouse) -> RequestBudget:
    """The budget of the source in force; the sample has no limits."""
    if settings.source == "sample" or settings.alphavantage_api_key is None:
        return Unlimited()
    return SharedBudget(
        warehouse,
        provider=settings.source,
        api_key=settings.alphavantage_api_key,
        per_day=settings.stocks_requests_per_day,
        per_minute=settings.stocks_requests_per_minute,
    )
