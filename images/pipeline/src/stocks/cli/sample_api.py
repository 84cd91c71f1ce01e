"""`stocks sample-api`."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated

import typer

from stocks.errors import ConfigError
from stocks.settings import load_settings


def sample_api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8089,
    as_of: Annotated[str, typer.Option(help="The day that it is (default: STOCKS_SAMPLE_AS_OF, else the last).")] = "",
    answer: Annotated[str, typer.Option(help="Give this answer of the error catalogue in place of data.")] = "",
    cut_off: Annotated[bool, typer.Option("--cut-off", help="Break off in the middle of the body.")] = False,
    delay: Annotated[float, typer.Option(help="Seconds before an answer.")] = 0.0,
    every: Annotated[int, typer.Option(help="Only every n-th request goes wrong.")] = 1,
    after: Annotated[int, typer.Option(help="The first n requests go well.")] = 0,
) -> None:
    """Serve the sample over HTTP as the provider would, faults included.

    Point STOCKS_PROVIDER_URL at it. `--answer list` names the answers of the catalogue.
    """
    from stocks.providers.sample.api import Faults, SampleApi
    from stocks.providers.sample.data import Sample

    faults = Faults(answer=answer, cut_off=cut_off, delay=delay, every=every, after=after)
    day = _day(as_of) if as_of else load_settings().stocks_sample_as_of
    with (
        contextlib.suppress(KeyboardInterrupt),  # Ctrl-C is how a server is meant to end
        SampleApi(Sample(day), faults, host=host, port=port) as api,
    ):
        print(f"Serving the sample: STOCKS_PROVIDER_URL={api.url}", flush=True)
        api.serve_forever()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--as-of {text!r} is no day.", hint="Write it as 2005-02-25.") from None
