"""`stocks universe`: which symbols are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stocks.cli.options import AsJson, AsText
from stocks.cli.running import open_warehouse, reporting
from stocks.cli.warehouse import user
from stocks.errors import ConfigError
from stocks.settings import load_settings
from stocks.steps import Login

if TYPE_CHECKING:
    from stocks.report import Report
    from stocks.universe import Company

app = typer.Typer(help="List the symbols that runs ask for, add and remove some, or note that one is listed no more.")

Symbols = Annotated[list[str], typer.Argument(help="Symbols, separated by spaces or commas.")]
Who = Annotated[str, typer.Option("--by", help="Who changes it (default: the user at this machine).")]
_COLUMNS = ["symbol", "status", "last_listed", "company_name", "exchange", "currency", "sector", "industry", "source"]


@app.command("list")
def show(
    everything: Annotated[bool, typer.Option("--all", help="Also the symbols that were removed.")] = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Show the universe: what runs ask for where no tickers are given."""
    from stocks.warehouse.listings import universe

    with reporting(output, as_json) as (report, settings), open_warehouse(settings, Login.READER) as warehouse:
        found = list(universe(warehouse).values())
        _show(report, [company for company in found if everything or not company.is_removed])
        today = datetime.now(UTC).date()
        removed = sum(company.is_removed for company in found)
        report.line(
            "universe",
            f"{sum(company.is_listed(today) for company in found)} symbols are asked for"
            + (f"; {removed} were removed." if removed else "."),
            listed=sum(company.is_listed(today) for company in found),
            removed=removed,
        )


@app.command()
def add(
    symbols: Symbols,
    company_name: Annotated[str, typer.Option(help="The company's name.")] = "",
    exchange: Annotated[str, typer.Option(help="Where it is listed: a name of the seed exchange.csv.")] = "",
    currency: Annotated[str, typer.Option(help="Unit of its prices by ISO 4217, or GBX for London's pence.")] = "",
    sector: Annotated[str, typer.Option(help="GICS sector.")] = "",
    industry: Annotated[str, typer.Option(help="GICS industry.")] = "",
    source: Annotated[str, typer.Option(help="The source whose bars gold takes, where it has any.")] = "",
    who: Who = "",
) -> None:
    """Ask for symbols from the next run on. What is not told of a company is what the provider's overview tells."""
    from stocks.providers import PROVIDERS
    from stocks.warehouse.listings import add as add_listings

    if source and source not in PROVIDERS:
        raise ConfigError(f"There is no source {source!r}.", hint=f"Choose one of {', '.join(PROVIDERS)}.")
    if currency and not (currency.isascii() and currency.isalpha() and currency.isupper() and len(currency) == 3):
        raise ConfigError(f"{currency!r} is no currency.", hint="It has three letters: USD, EUR, GBX.")
    told = {
        "company_name": company_name,
        "exchange": exchange,
        "currency": currency,
        "sector": sector,
        "industry": industry,
        "source": source,
    }
    attributes = {name: value for name, value in told.items() if value}
    names = _parsed(symbols)
    if company_name and len(names) > 1:
        raise ConfigError("--company-name is of one symbol.", hint="Add the symbols one by one.")
    with open_warehouse(load_settings(), Login.WRITER) as warehouse:
        _tell("asked for from the next run on", add_listings(warehouse, names, attributes, who=who or user()))


@app.command()
def delist(
    symbols: Symbols,
    last_listed: Annotated[
        datetime, typer.Option("--last-listed", formats=["%Y-%m-%d"], help="The last day on which it was listed.")
    ],
    who: Who = "",
) -> None:
    """Note the last day of a symbol: it is asked for until then and no more, and its bars stay in silver and gold."""
    from stocks.warehouse.listings import delist as delist_listings

    day: date = last_listed.date()
    with open_warehouse(load_settings(), Login.WRITER) as warehouse:
        _tell(f"listed until {day}", delist_listings(warehouse, _parsed(symbols), day, who=who or user()))


@app.command()
def remove(symbols: Symbols, who: Who = "") -> None:
    """Ask for symbols no more; the bars that they have stay in silver and gold."""
    from stocks.warehouse.listings import remove as remove_listings

    with open_warehouse(load_settings(), Login.WRITER) as warehouse:
        _tell("removed; the bars that there are stay", remove_listings(warehouse, _parsed(symbols), who=who or user()))


def _parsed(symbols: Sequence[str]) -> list[str]:
    from stocks.universe import parse_symbols

    return parse_symbols(",".join(symbols))


def _tell(what: str, companies: Sequence[Company]) -> None:
    print(f"{', '.join(company.symbol for company in companies)}: {what}.")


def _show(report: Report, companies: Sequence[Company]) -> None:
    rows = [[getattr(company, name) or None for name in _COLUMNS] for company in companies]
    report.rows("symbol", _COLUMNS, rows, title="Universe")
