"""One source at a time, for tests that have no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stocks.providers import RequestBudget, Source, Unlimited, open_sources
from stocks.settings import Settings


@contextmanager
def open_source(settings: Settings, budget: RequestBudget | None = None, **more: Any) -> Iterator[Source]:
    """The one source in force; the arguments are those of `open_sources`."""
    with open_sources(settings, lambda _: budget or Unlimited(), **more) as (source,):
        yield source
