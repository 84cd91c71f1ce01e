"""Commands of the whole pipeline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText, Force, Overview, RunId, Tickers
from stocks.cli.running import logged_run
from stocks.errors import ConfigError
from stocks.universe import parse_symbols


def run(
    tickers: Tickers = "",
    force: Force = False,
    overview: Overview = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Fetch, load, build and test: all steps in one process. A second run finds nothing new and writes nothing."""
    from stocks.local import runner

    symbols = parse_symbols(tickers)
    logged_run(
        "run",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.run(
            settings, warehouse, log, symbols, report, force=force, overview=overview
        ),
    )


def replay(
    as_of: Annotated[
        str, typer.Option(help="What was known at that moment: a day (its end, UTC) or an ISO date and time.")
    ] = "",
    tickers: Annotated[str, typer.Option(help="Symbols, separated by commas (default: all that bronze holds).")] = "",
    no_gold: Annotated[bool, typer.Option("--no-gold", help="Stop at silver: another step builds gold.")] = False,
    run_id: RunId = None,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Build silver and gold again from bronze, with no request to the provider."""
    from stocks.local import runner

    symbols, moment = parse_symbols(tickers), _moment(as_of)
    logged_run(
        "replay",
        output,
        as_json,
        lambda settings, warehouse, log, report: runner.replay(
            settings, warehouse, log, symbols, report, as_of=moment, with_gold=not no_gold
        ),
        run_id=run_id,
    )


def _moment(text: str) -> datetime | None:
    """A moment from a day (its end in UTC) or from a date and time (UTC where it names no zone)."""
    if not text:
        return None
    try:
        if len(text) == len("2005-02-25"):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--as-of {text!r} is no moment.",
            hint="Write a day (2005-02-25) or a time (2005-02-25T18:00-05:00).",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
