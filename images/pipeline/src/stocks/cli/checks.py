"""What `stocks doctor` checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import httpx
import tenacity

from stocks.bronze import open_bronze
from stocks.cli.running import open_warehouse
from stocks.errors import ConfigError, ProviderUnavailable, StocksError, TransientError
from stocks.providers import Provider, in_force, key_of, open_sources
from stocks.settings import Settings, project_folder
from stocks.trading_calendar import calendar_of
from stocks.universe import companies
from stocks.warehouse import Role
from stocks.warehouse.budget import request_budget


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check and what it found."""

    name: str
    detail: str = ""
    error: StocksError | None = None


def check_all(settings: Settings, *, request: bool, wait: float = 0) -> list[Check]:
    """Checks settings, dbt project, store, warehouse and provider; a failing check does not stop the next.

    Args:
        settings: The settings in force.
        request: Whether one answer may be fetched, which counts against the key's quota.
        wait: Seconds in which a check that met a passing fault is made again, all checks together.
    """
    check = partial(_check, until=time.monotonic() + wait)
    return [
        check("settings", lambda: _settings(settings)),
        check("dbt project", _project),
        check("store", lambda: _store(settings)),
        check("warehouse", lambda: _warehouse(settings)),
        check("provider", lambda: _provider(settings, request=request)),
    ]


def _check(name: str, look: Callable[[], str], *, until: float) -> Check:
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=lambda _: time.monotonic() >= until,
        wait=tenacity.wait_fixed(1),
        reraise=True,
    )
    try:
        return Check(name=name, detail=again(look))
    except StocksError as error:
        return Check(name=name, error=error)


def _settings(settings: Settings) -> str:
    for provider in in_force(settings):
        key_of(provider, settings)
        provider.series(settings.stocks_series)
    series = settings.stocks_series or "each source's own series"
    return f"source {', '.join(settings.sources)}, {series}, state in {settings.stocks_state_dir}"


def _project() -> str:
    return ". ".join(
        [f"{project_folder()}, {len(companies())} symbols in its universe", *ending(datetime.now(UTC).date())]
    )


def ending(today: date) -> list[str]:
    """A sentence for each calendar of the universe whose known holidays end within a year."""
    ends = {calendar.name: calendar.known_to for calendar in map(calendar_of, companies())}
    return [
        f"{name}'s holidays are known to {end} only: after it every weekday counts as a session"
        for name, end in sorted(ends.items())
        if end is not None and end < today + timedelta(days=365)
    ]


def _store(settings: Settings) -> str:
    bronze = open_bronze(settings)
    guard = bronze.store.check()
    return f"{bronze.store.url}, {len(bronze.symbols())} symbols" + (f", {guard}" if guard else "")


def _warehouse(settings: Settings) -> str:
    with open_warehouse(settings) as warehouse:
        may = []
        for role in Role:
            try:
                with warehouse.connect(role) as connection:
                    connection.execute("select 1")
                may.append(role.value)
            except ConfigError:
                continue
        with warehouse.connect(Role.READER) as connection:
            row = connection.execute("select current_setting('server_version')").fetchone()
        return f"PostgreSQL {row[0] if row else '?'} at {warehouse}, roles {', '.join(may)}"


def _provider(settings: Settings, *, request: bool) -> str:
    """What each source says, or that the way to it is open."""
    if request:
        with (
            open_warehouse(settings) as warehouse,
            open_sources(settings, request_budget(settings, warehouse)) as sources,
        ):
            answers = [source.fetch(source.series, "IBM") for source in sources]
        return "; ".join(f"{answer.source} answered with {len(answer.body):,} bytes for IBM" for answer in answers)
    return "; ".join(_reach(provider, url, settings) for provider, url in in_force(settings).items())


def _reach(provider: Provider, url: str | None, settings: Settings) -> str:
    if url is None and (stand_in := provider.stand_in(settings)):
        return f"{provider.name} as of {stand_in.now:%Y-%m-%d}: {', '.join(sorted(stand_in.symbols))}"
    url = url or provider.url
    shown = httpx.URL(url).copy_with(userinfo=b"", query=None)  # both may hold a secret
    try:
        # Without a key this counts as no request; any answer at all means that the way is open.
        reached = httpx.head(url, timeout=10)
    except httpx.HTTPError as error:
        raise ProviderUnavailable(
            f"{shown} can't be reached: {type(error).__name__}.",
            hint="Check STOCKS_PROVIDER_URL, the network and its proxy.",
        ) from None
    return f"{shown} is reached (HTTP {reached.status_code}); --request tests the key"
