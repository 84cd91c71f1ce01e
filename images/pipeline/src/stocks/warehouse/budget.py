"""Requests with one API key, counted in the warehouse so that many processes share it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

from stocks.errors import QuotaSpent
from stocks.providers import Limits, Provider, RequestBudget, Unlimited, key_of
from stocks.settings import Settings
from stocks.warehouse.connection import Role, Warehouse

_NO_LIMIT = 2**31 - 1

# One statement takes a request of the day and of the hour, and a place in the queue. The row's lock makes it atomic
# between processes; where any of them is spent, it writes nothing and gives no row.
_ACQUIRE: LiteralString = """
insert into ops.api_budget as budget (budget_key, day, used, next_slot_at, hour, used_in_hour)
values (
    %(key)s, (now() at time zone 'UTC')::date, 1, clock_timestamp() + %(spacing)s, date_trunc('hour', now(), 'UTC'), 1
)
on conflict (budget_key, day) do update set
    used = budget.used + 1,
    next_slot_at = greatest(budget.next_slot_at, clock_timestamp()) + %(spacing)s,
    hour = excluded.hour,
    used_in_hour = case when budget.hour = excluded.hour then budget.used_in_hour else 0 end + 1
where budget.used < %(per_day)s and budget.exhausted_at is null
  and (budget.hour is distinct from excluded.hour or budget.used_in_hour < %(per_hour)s)
  and (budget.hour_exhausted_at is null or budget.hour_exhausted_at < excluded.hour)
returning extract(epoch from next_slot_at - %(spacing)s - clock_timestamp())::double precision
"""

_IS_DAY_SPENT: LiteralString = """
select used >= %(per_day)s or exhausted_at is not null from ops.api_budget
where budget_key = %(key)s and day = (now() at time zone 'UTC')::date
"""

# Behind _ACQUIRE, whose row is still locked: no other process of this key counts at the same time.
_LOOK_UP: LiteralString = """
with month as (select date_trunc('month', now() at time zone 'UTC')::date as month),
known as (select symbol from ops.api_symbol join month using (month) where budget_key = %(key)s)
insert into ops.api_symbol as known_symbol (budget_key, month, symbol)
select %(key)s, month, %(symbol)s from month
where (select count(*) from known) < %(symbols_per_month)s or %(symbol)s in (select symbol from known)
on conflict (budget_key, month, symbol) do update set requests = known_symbol.requests + 1
returning symbol
"""

# At midnight or a full hour it may be the next one's: the count is then one too small, never below nothing.
_GIVE_BACK: LiteralString = """
update ops.api_budget set
    used = greatest(used - 1, 0),
    used_in_hour = greatest(used_in_hour - (hour = date_trunc('hour', now(), 'UTC'))::integer, 0)
where budget_key = %(key)s and day = (now() at time zone 'UTC')::date
"""

# Without its last request a symbol does not count. Behind _GIVE_BACK, whose row is still locked, as in acquire.
_FORGET: LiteralString = """
with month as (select date_trunc('month', now() at time zone 'UTC')::date as month),
forgotten as (
    delete from ops.api_symbol using month
    where budget_key = %(key)s and api_symbol.month = month.month and symbol = %(symbol)s and requests = 1
)
update ops.api_symbol set requests = requests - 1 from month
where budget_key = %(key)s and api_symbol.month = month.month and symbol = %(symbol)s and requests > 1
"""

_EXHAUST: LiteralString = """
insert into ops.api_budget as budget (budget_key, day, used, next_slot_at, exhausted_at, hour_exhausted_at)
values (
    %(key)s, (now() at time zone 'UTC')::date, 0, clock_timestamp(),
    case when %(period)s = 'day' then clock_timestamp() end, case when %(period)s = 'hour' then clock_timestamp() end
)
on conflict (budget_key, day) do update set
    exhausted_at = coalesce(budget.exhausted_at, excluded.exhausted_at),
    hour_exhausted_at = coalesce(excluded.hour_exhausted_at, budget.hour_exhausted_at)
"""


class SharedBudget:
    """The request budget of one API key; hours, days and months are UTC's.

    Args:
        warehouse: Holds ops.api_budget and ops.api_symbol.
        provider: Name of the provider.
        api_key: The key; only a fingerprint of it is stored.
        limits: What the key may ask for.
    """

    def __init__(self, warehouse: Warehouse, *, provider: str, api_key: str, limits: Limits) -> None:
        self._warehouse = warehouse
        self._limits = limits
        self._values = {
            "key": f"{provider}:{hashlib.sha256(api_key.encode()).hexdigest()[:12]}",
            "per_hour": limits.per_hour or _NO_LIMIT,
            "per_day": limits.per_day or _NO_LIMIT,
            "symbols_per_month": limits.symbols_per_month,
            "spacing": timedelta(seconds=60 / limits.per_minute if limits.per_minute else 0),
        }

    @property
    def per_minute(self) -> int | None:
        """How many requests may be sent in a minute; None: no limit is known."""
        return self._limits.per_minute

    def acquire(self, symbol: str) -> float:
        """Takes one request about a symbol; gives the seconds to wait before it is sent.

        Raises:
            QuotaSpent: The requests of the day or the hour are used up, or the month's symbols.
        """
        with self._warehouse.connect(Role.WRITER) as connection, connection.transaction():
            row = connection.execute(_ACQUIRE, self._values).fetchone()
            if row is None:
                raise self._spent(is_day=connection.execute(_IS_DAY_SPENT, self._values).fetchone() == (True,))
            if self._limits.symbols_per_month is not None:
                looked_up = connection.execute(_LOOK_UP, {**self._values, "symbol": symbol}).fetchone()
                if looked_up is None:
                    raise QuotaSpent(
                        f"The month's {self._limits.symbols_per_month} symbols are spent.",
                        hint="Those that were asked for earlier in the month may be asked for again.",
                        period="month",
                    )
        return max(float(row[0]), 0.0)

    def give_back(self, symbol: str) -> None:
        """Takes back a request that never reached the provider; its place in the queue stays taken."""
        with self._warehouse.connect(Role.WRITER) as connection, connection.transaction():
            connection.execute(_GIVE_BACK, self._values)
            connection.execute(_FORGET, {**self._values, "symbol": symbol})

    def exhaust(self, period: str) -> None:
        """Notes that the provider refuses more requests in this `hour` or `day`, for every process with the key."""
        with self._warehouse.connect(Role.WRITER) as connection:
            connection.execute(_EXHAUST, {**self._values, "period": period})

    def _spent(self, *, is_day: bool) -> QuotaSpent:
        if is_day:
            return QuotaSpent(
                f"The day's {self._limits.per_day} requests are spent.",
                hint="The next run goes on from here after midnight UTC; STOCKS_REQUESTS_PER_DAY sets the number.",
            )
        return QuotaSpent(
            f"The hour's {self._limits.per_hour} requests are spent.",
            hint="A run after the next full hour goes on from here.",
            period="hour",
        )


def request_budget(settings: Settings, warehouse: Warehouse) -> Callable[[Provider], RequestBudget]:
    """Gives the budget of a provider; one without limits has none.

    Where a number of requests is set, the key's plan is not the free one, of which hours and months are known too.
    """
    own = {"per_day": settings.stocks_requests_per_day, "per_minute": settings.stocks_requests_per_minute}

    def budget_of(provider: Provider) -> RequestBudget:
        if provider.limits == Limits():
            return Unlimited()
        given = {name: value for name, value in own.items() if value is not None}
        limits = replace(provider.limits, **given)
        if settings.stocks_requests_per_day is not None:
            limits = replace(limits, per_hour=None, symbols_per_month=None)
        return SharedBudget(warehouse, provider=provider.name, api_key=key_of(provider, settings), limits=limits)

    return budget_of
