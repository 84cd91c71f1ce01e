"""Health: whether the pipeline ran, what it refused, and what the rules found."""

from __future__ import annotations

import polars as pl
import streamlit as st

from stocks_dashboard import queries, state
from stocks_dashboard.page import Page, part
from stocks_dashboard.page_parts import head, strip, table, tile
from stocks_dashboard.settings import load_settings
from stocks_dashboard.warehouse import log_rows

# As in sysexits.h, and in the pipeline's documentation.
_ENDS = {0: "done", 65: "wrong data", 69: "quota spent", 75: "passing fault", 78: "wrong settings", 130: "interrupted"}
_WHEN = "YYYY-MM-DD HH:mm"


def page() -> None:
    """Draws the page."""
    head(
        "Health",
        "The pipeline's own log: runs, data quality, what was refused or restated, requests left. Times are UTC.",
        needs_bars=False,
    )
    runs = log_rows(queries.RUNS)
    findings = log_rows(queries.FINDINGS)
    budget = log_rows(queries.BUDGET)
    _tiles(runs, findings, budget)
    st.subheader("Data quality", anchor=False)
    _findings(findings)
    st.subheader("Runs", anchor=False)
    _runs(runs)
    _part(
        "Held series",
        log_rows(queries.HELD),
        "Every series' latest answer was taken.",
        {
            "symbol": "Symbol",
            "interval": "Interval",
            "source": "Source",
            "held_since": st.column_config.DatetimeColumn("Held since", format=_WHEN),
            "observed_at": st.column_config.DatetimeColumn("Latest answer", format=_WHEN),
            "rule": "Rule",
            "reason": "Why it was refused",
            "rejected_bars": st.column_config.NumberColumn("Refused rows", format="localized"),
        },
        "held",
    )
    _part(
        "Suspect bars",
        log_rows(queries.SUSPECT),
        "No bar of the newest answers is odd.",
        {
            "observed_at": st.column_config.DatetimeColumn("Observed", format=_WHEN),
            "symbol": "Symbol",
            "interval": "Interval",
            "price_date": st.column_config.DateColumn("Date"),
            "rule": "Rule",
            "reason": st.column_config.TextColumn("What is odd of it", width="large"),
        },
        "suspect",
    )
    left, right = st.columns(2)
    with left:
        _part(
            "Refused rows",
            log_rows(queries.REJECTED),
            "Silver refused no row.",
            {
                "observed_at": st.column_config.DatetimeColumn("Observed", format=_WHEN),
                "symbol": "Symbol",
                "price_date": "Date",
                "rule": "Rule",
                "reason": "Reason",
                "raw": "As received",
            },
            "rejected",
        )
    with right:
        _part(
            "Restatements",
            log_rows(queries.RESTATED),
            "The provider changed no bar that was loaded before.",
            {
                "observed_at": st.column_config.DatetimeColumn("Observed", format=_WHEN),
                "symbol": "Symbol",
                "bars_changed": st.column_config.NumberColumn("Bars changed", format="localized"),
                "bars_withdrawn": st.column_config.NumberColumn("Of them withdrawn", format="localized"),
                "first_date": st.column_config.DateColumn("From"),
                "last_date": st.column_config.DateColumn("To"),
                "largest_factor": st.column_config.NumberColumn(
                    "Largest factor", format="%.4f", help="New over old adjusted close; 0.5 is a two-for-one split"
                ),
            },
            "restatements",
        )
    left, right = st.columns(2)
    with left:
        _part(
            "Late or incomplete symbols",
            log_rows(queries.LATE),
            "Every symbol has its latest session, and none between is missing.",
            {
                "symbol": "Symbol",
                "last_date": st.column_config.DateColumn("Latest bar"),
                "expected_last_date": st.column_config.DateColumn("Expected"),
                "bars": st.column_config.NumberColumn("Bars", format="localized"),
                "expected_bars": st.column_config.NumberColumn("Sessions", format="localized"),
                "rejected_bars": st.column_config.NumberColumn("Refused"),
            },
            "late",
        )
    quota = load_settings().stocks_requests_per_day
    used = st.column_config.NumberColumn("Used", format="%d")
    with right:
        _part(
            "Requests to the provider",
            budget,
            "No request was counted: the sample has no quota.",
            {
                "day": st.column_config.DateColumn("Day"),
                "budget_key": st.column_config.TextColumn("Provider and key", help="A fingerprint, never the key"),
                "used": st.column_config.ProgressColumn("Used", format="%d", max_value=quota) if quota else used,
                "exhausted_at": st.column_config.DatetimeColumn("Quota spent", format=_WHEN),
            },
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


@part
def _findings(findings: pl.DataFrame) -> None:
    if findings.is_empty():
        st.info("No rule has been checked yet. `make run` checks them all.", icon=":material/rule:")
        return
    only = state.switch("Only rules that found rows", name="failing", default=True)
    shown = findings.filter(pl.col("failures") > 0) if only else findings
    if shown.is_empty():
        st.success(f"All {findings.height} rules hold.", icon=":material/verified:")
        return
    words = {"error": "stops the build", "warn": "warns"}
    table(
        shown.with_columns(pl.col("severity").replace(words)),
        {
            "rule": st.column_config.TextColumn("Rule", width="medium"),
            "model": "Model",
            "severity": "When broken",
            "status": "Result",
            "failures": st.column_config.NumberColumn("Rows found", format="localized"),
            "checked_at": st.column_config.DatetimeColumn("Checked", format=_WHEN),
        },
        export="data_quality",
    )


def _runs(runs: pl.DataFrame) -> None:
    if runs.is_empty():
        st.info("Nothing has run yet. `make run` begins.", icon=":material/play_circle:")
        return
    outcomes = [_outcome(run) for run in runs.iter_rows(named=True)]
    table(
        runs.with_columns(pl.Series("outcome", outcomes, pl.String)),
        {
            "started_at": st.column_config.DatetimeColumn("Started", format=_WHEN),
            "outcome": st.column_config.TextColumn("Outcome"),
            "command": "Command",
            "source": "Source",
            "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
            "steps": st.column_config.NumberColumn("Steps"),
            "message": st.column_config.TextColumn("Message", width="large"),
        },
        export="runs",
    )


def _outcome(run: dict[str, object]) -> str:
    """A run's end in words; the code where there is no word for it."""
    code = run["exit_code"]
    if code is None:
        return "running" if run["is_running"] else "killed"
    return _ENDS.get(int(str(code)), f"code {code}")


def _part(title: str, frame: pl.DataFrame, nothing: str, columns: dict[str, object], export: str) -> None:
    """A table beneath its title; where it has no row, what that means."""
    st.subheader(title, anchor=False)
    if frame.is_empty():
        st.caption(f":material/check: {nothing}")
    else:
        table(frame, columns, export=export)


PAGE = Page(title="Health", icon=":material/monitor_heart:", draw=page)
