"""`stocks backup` and `stocks restore`."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from stocks.cli.options import AsJson, AsText
from stocks.cli.running import open_warehouse, reporting
from stocks.errors import code_of
from stocks.steps import Login, moment


def backup(
    keep_days: Annotated[
        int, typer.Option(min=1, help="Delete whole backups that are older than this; the newest one stays anyway.")
    ] = 30,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Write a backup of the warehouse to STOCKS_BACKUP_URL: silver, the pipeline's log and gold's history.

    Runs may go on meanwhile. Bronze is none of it: its bucket has versions and copies of its own.
    """
    from stocks.bronze import open_backups
    from stocks.providers import in_words
    from stocks.warehouse.backup import back_up, forget
    from stocks.warehouse.runlog import RunLog

    with reporting(output, as_json) as (report, settings), open_warehouse(settings, Login.WRITER) as warehouse:
        store, log = open_backups(settings), RunLog(warehouse, uuid.uuid4())
        try:
            with report:
                made = back_up(warehouse, store, report=report, begun=lambda: log.begin("backup", **in_words(settings)))
            gone = forget(store, keep_days)
        except BaseException as error:
            log.end(code_of(error), str(error) or type(error).__name__)
            raise
        told = f"{made.rows:,} rows of {len(made.tables)} tables, {made.size:,} bytes: {store.url}/{made.folder}"
        log.end(0, told)
        report.line("backup", f"{told}", url=f"{store.url}/{made.folder}", rows=made.rows, bytes=made.size)
        if gone:
            report.say(f"Deleted {len(gone)} that were older than {keep_days} days or never finished.")


def restore(
    at: Annotated[
        str,
        typer.Argument(
            metavar="[MOMENT]",
            help="A day (its end, UTC) or an ISO date and time: the last backup before it (default: the newest).",
        ),
    ] = "",
    list_only: Annotated[bool, typer.Option("--list", help="Show the backups that there are.")] = False,
    output: AsText = None,
    as_json: AsJson = False,
) -> None:
    """Fill an empty warehouse from a backup in STOCKS_BACKUP_URL; one that has rows is refused."""
    from stocks.bronze import open_backups
    from stocks.warehouse.backup import kept
    from stocks.warehouse.restore import chosen
    from stocks.warehouse.restore import restore as fill

    with reporting(output, as_json) as (report, settings):
        store = open_backups(settings)
        backups = kept(store)
        if list_only:
            report.rows(
                "backup",
                ["moment", "state", "objects"],
                [[each.moment, "whole" if each.is_whole else "never finished", len(each.keys)] for each in backups],
                title=f"Backups in {store.url}",
            )
            return
        wanted = chosen(backups, moment(at))
        with open_warehouse(settings, Login.OWNER, as_it_is=True) as warehouse:
            with report:
                manifest = fill(store, wanted, warehouse, report=report)
            report.line(
                "restored",
                f"The warehouse {warehouse} is as it was at {manifest.moment:%Y-%m-%d %H:%M:%S} UTC: "
                f"{manifest.rows:,} rows. The next run builds gold; `stocks gold` does it now.",
                moment=manifest.moment,
                rows=manifest.rows,
            )
