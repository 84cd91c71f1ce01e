"""Health: whether the pipeline ran, what it refused, and what the rules found."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from stocks_dashboard import queries
from stocks_dashboard.findings import HELD, all_rules, newest_findings
from stocks_dashboard.page import Page
from stocks_dashboard.page_parts import head, strip, tile
from stocks_dashboard.settings import load_settings
from stocks_dashboard.tables import table
from stocks_dashboard.warehouse import log_rows

# As in sysexits.h, and in the pipeline's documentation.
_ENDS = {0: "done", 65: "wrong data", 69: "quota spent", 75: "passing fault", 78: "wrong settings", 130: "interrupted"}


def page() -> None:
    """Draws the page."""
    head(
        "Health",
        "The pipeline's own log: runs, data quality, what was refused or restated, requests left. Times are UTC.",
        needs_bars=False,
    )
    runs = log_rows(queries.RUNS)
    findings = newest_findings()
    budget = log_rows(queries.BUDGET)
    _tiles(runs, findings, budget)
    st.header("Data quality", anchor=False)
    all_rules()
    st.header("Runs", anchor=False)
    _runs(runs)
    _part(
        "Held series",
        log_rows(queries.HELD),
        "Every series' latest answer was taken.",
        HELD,
        "held",
    )
    _part(
        "Suspect bars",
        log_rows(queries.SUSPECT),
        "No bar of the newest answers is odd.",
        ("observed_at", "symbol", "interval", "price_date", "rule", "reason"),
        "suspect",
    )
    left, right = st.columns(2)
    with left:
        _part(
            "Refused rows",
            log_rows(queries.REJECTED),
            "Silver refused no row.",
            ("observed_at", "symbol", "price_date", "rule", "reason", "raw"),
            "rejected",
        )
    with right:
        _part(
            "Restatements",
            log_rows(queries.RESTATED),
            "The provider changed no bar that was loaded before.",
            ("observed_at", "symbol", "bars_changed", "bars_withdrawn", "first_date", "last_date", "largest_factor"),
            "restatements",
        )
    left, right = st.columns(2)
    with left:
        _part(
            "Late or incomplete symbols",
            log_rows(queries.LATE).rename({"last_date": "latest_date"}),
            "Every symbol has its latest session, and none between is missing.",
            ("symbol", "latest_date", "expected_last_date", "bars", "expected_bars", "rejected_bars"),
            "late",
        )
    with right:
        _part(
            "Requests to the provider",
            budget,
            "No request was counted: the sample has no quota.",
            ("day", "budget_key", "used", "exhausted_at"),
            "requests",
        )


def _tiles(runs: pl.DataFrame, findings: pl.DataFrame, budget: pl.DataFrame) -> None:
    builds = log_rows(queries.BUILDS)
    with strip():
        if not runs.is_empty():
            last = runs.row(0, named=True)
            tile(f"Last run {last['started_at']:%Y-%m-%d %H:%M}", _outcome(last))
        published = builds.drop_nulls("published_at")
        if not published.is_empty():
            newest = published.row(0, named=True)
            is_newest = newest["build_id"] == builds["build_id"][0]
            tile(
                f"Gold {newest['published_at']:%Y-%m-%d %H:%M}",
                f"Build {newest['build_id']}",
                about="The newest build." if is_newest else "A later build failed; this one is shown.",
            )
        failing = findings.filter(pl.col("failures") > 0)
        tile("Rules that found rows", f"{failing.height} of {findings.height}")
        quota = load_settings().stocks_requests_per_day
        used = "—" if budget.is_empty() else budget["used"][0]
        tile("Requests, latest day", f"{used} of {quota}" if quota and not budget.is_empty() else f"{used}")
    if not builds.is_empty() and builds["published_at"][0] is None and builds["message"][0]:
        st.error(
            "The latest build of gold failed; the one before it is shown everywhere here.", icon=":material/error:"
        )
        st.code(builds["message"][0], language=None, wrap_lines=True)


def _runs(runs: pl.DataFrame) -> None:
    if runs.is_empty():
        st.info("Nothing has run yet. `make run` begins.", icon=":material/play_circle:")
        return
    outcomes = [_outcome(run) for run in runs.iter_rows(named=True)]
    table(
        runs.with_columns(pl.Series("outcome", outcomes, pl.String)),
        ("started_at", "outcome", "command", "source", "seconds", "steps", "message"),
        export="runs",
    )


def _outcome(run: dict[str, object]) -> str:
    """A run's end in words; the code where there is no word for it."""
    code = run["exit_code"]
    if code is None:
        return "running" if run["is_running"] else "killed"
    return _ENDS.get(int(str(code)), f"code {code}")


def _part(title: str, frame: pl.DataFrame, nothing: str, columns: Sequence[str], export: str) -> None:
    """A table beneath its title; where it has no row, what that means."""
    st.header(title, anchor=False)
    if frame.is_empty():
        st.caption(f":material/check: {nothing}")
    else:
        table(frame, columns, export=export)


PAGE = Page(title="Health", icon=":material/monitor_heart:", draw=page)
