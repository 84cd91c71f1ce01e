"""Where prices come from: the providers, each a folder, behind one protocol.

provider      the protocol: what a provider must tell
frame         the one typed frame into which all answers are read
json_text     JSON read with nothing lost
client        the one HTTP client: time-outs, retries, a budget
redaction     keeps the API key out of bodies, logs and errors
alphavantage, tiingo, sample
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import httpx

from stocks.errors import ConfigError, DataError
from stocks.providers.alphavantage import AlphaVantage
from stocks.providers.client import Source, check_address, key_of
from stocks.providers.provider import Answer, Endpoint, Interval, Limits, Provider, RequestBudget, Unlimited
from stocks.providers.sample import SampleProvider
from stocks.providers.tiingo import Tiingo
from stocks.settings import Settings

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        AlphaVantage(),
        Tiingo(),
        SampleProvider(),
    )
}
"""All providers, by name. A new one is a folder and a line here."""

__all__ = [
    "PROVIDERS",
    "Answer",
    "Endpoint",
    "Interval",
    "Limits",
    "Provider",
    "RequestBudget",
    "Source",
    "Unlimited",
    "in_force",
    "in_words",
    "key_of",
    "open_sources",
    "provider_of",
]


def provider_of(source: str) -> Provider:
    """The provider of a bronze key's or a bar's source.

    Raises:
        DataError: There is none of that name any more.
    """
    if source not in PROVIDERS:
        raise DataError(f"This version knows no source {source!r}.", hint=f"It knows: {', '.join(PROVIDERS)}.")
    return PROVIDERS[source]


def in_force(settings: Settings) -> dict[Provider, str | None]:
    """The providers of `settings.sources` in that order, each with the address that STOCKS_PROVIDER_URL gives it.

    Raises:
        ConfigError: A name is none of a provider, an address is given to none that is in force, or is none that can
            be asked.
    """
    if not settings.sources or not set(settings.sources) <= set(PROVIDERS):
        raise ConfigError("STOCKS_SOURCE does not name sources.", hint=f"There are: {', '.join(PROVIDERS)}.")
    given = settings.stocks_provider_url or ""
    if len(settings.sources) == 1 and not given.startswith(f"{settings.sources[0]}="):
        urls = {settings.sources[0]: given} if given else {}
    else:
        urls = dict(pair.strip().split("=", 1) for pair in given.split(",") if "=" in pair)
        if len(urls) != len([pair for pair in given.split(",") if pair.strip()]) or set(urls) - set(settings.sources):
            raise ConfigError(
                "STOCKS_PROVIDER_URL: with several sources it names the address of each that has another one.",
                hint=f"It looks like {settings.sources[0]}=https://host,{settings.sources[-1]}=https://other.",
            )
    for name, url in urls.items():
        check_address(url, PROVIDERS[name])
    return {PROVIDERS[name]: urls.get(name) for name in settings.sources}


def in_words(settings: Settings) -> dict[str, str]:
    """The sources that are set and the series that is fetched of them, right or wrong, for the run log."""
    known = [PROVIDERS[name] for name in settings.sources if name in PROVIDERS]
    own = (f"{provider.series(None).interval}_adjusted" for provider in known)
    return {"source": ",".join(settings.sources), "series": settings.stocks_series or ",".join(dict.fromkeys(own))}


@contextmanager
def open_sources(
    settings: Settings,
    budget_of: Callable[[Provider], RequestBudget],
    *,
    transport: httpx.BaseTransport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    with_keys: bool = True,
) -> Iterator[list[Source]]:
    """The sources in force, in order of preference, open until the context ends.

    Args:
        settings: Name the sources, their series, addresses and keys.
        budget_of: Gives the budget that is asked before every request to a provider.
        transport: Answers the requests; HTTP where None, or the sample itself where it is in the process.
        clock: Tells the time, aware; the sample has its own.
        sleep: Waits for seconds.
        with_keys: Whether the sources will be asked; a plan asks them nothing, and needs no key.

    Raises:
        KeyRejected: A source in force lacks its key.
        ConfigError: STOCKS_SOURCE, STOCKS_SERIES or STOCKS_PROVIDER_URL is wrong, or the sample's day.
    """
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                Source(
                    provider,
                    settings,
                    budget_of(provider),
                    key=key_of(provider, settings) if with_keys else "",
                    url=url,
                    transport=transport,
                    clock=clock,
                    sleep=sleep,
                )
            )
            for provider, url in in_force(settings).items()
        ]
