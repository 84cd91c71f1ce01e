"""What the rules found, down to the rows, and which series are held: on the page of health, and behind every badge."""

from __future__ import annotations

import json

import polars as pl
import streamlit as st

from stocks_dashboard import catalogue, queries, state
from stocks_dashboard.page import part
from stocks_dashboard.tables import table
from stocks_dashboard.warehouse import log_rows

HELD = ("symbol", "interval", "source", "held_since", "observed_at", "rule", "reason", "rejected_bars")
_WORDS = {"error": "stops the build", "warn": "warns"}


def newest_findings() -> pl.DataFrame:
    """What every rule found in the newest build, whether it was published or not."""
    return log_rows(queries.FINDINGS).filter(pl.col("build_id") == pl.max("build_id")).drop("build_id")


def shown_findings() -> pl.DataFrame:
    """What every rule found in the gold that is shown."""
    return log_rows(queries.FINDINGS).filter("is_published")


@part
def all_rules() -> None:
    """Every rule of the newest build, or those that found rows, with their rows."""
    findings = newest_findings()
    if findings.is_empty():
        st.info("No rule has been checked yet. `make run` checks them all.", icon=":material/rule:")
        return
    with st.container(height=40, border=False):  # what stands there first is higher than the switch
        only = state.switch("Only rules that found rows", name="failing", default=True)
    listed = findings.filter(pl.col("failures") > 0) if only else findings
    if listed.is_empty():
        st.success(f"All {findings.height} rules hold.", icon=":material/verified:")
        return
    table(
        listed.drop("examples").with_columns(pl.col("severity").replace(_WORDS)),
        ("rule", "model", "severity", "status", "failures", "checked_at"),
        export="data_quality",
    )
    _broken(findings)


def broken_rules() -> None:
    """The rules that found rows in the gold that is shown, each with the first of them."""
    _broken(shown_findings())


def _broken(findings: pl.DataFrame) -> None:
    for rule, severity, failures, examples in (
        findings.filter(pl.col("failures") > 0).select("rule", "severity", "failures", "examples").iter_rows()
    ):
        found = rows_of(examples)
        count = f"the first {found.height} of {failures:,}" if failures > found.height else f"{failures:,}"
        st.markdown(f"`{rule}` {_WORDS.get(severity, severity)}; rows: {count}")
        if not found.is_empty():
            st.dataframe(found, hide_index=True, placeholder=catalogue.DASH, height=min(38 + 35 * found.height, 248))


def rows_of(examples: str) -> pl.DataFrame:
    """The rows that a rule found, from their JSON; columns are the rule's own."""
    return pl.DataFrame(json.loads(examples), infer_schema_length=None, strict=False)


def held_series() -> None:
    """Series whose latest answers are refused, since when and why."""
    table(log_rows(queries.HELD), HELD)
    st.caption(
        "Its last good rows stay, and the next good answer lets it go; `stocks accept SYMBOL RULE` takes this one."
    )
