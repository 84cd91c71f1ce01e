"""What every column of the dashboard's tables and files is: label, unit, format and help, each said once.

Help is the description that dbt gave the column of gold which a number comes from; PostgreSQL keeps it as a comment.
Numbers are in the unit that they are shown in, in frames as in files: a file's header says `drawdown_percent`, and its
rows -38.05.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import queries
from stocks_dashboard.warehouse import rows

DASH = "—"


class Unit(StrEnum):
    """What a number counts; a value is what a file's header says."""

    PERCENT = "percent"
    PERCENT_A_YEAR = "percent_a_year"
    SHARES = "shares"
    DAYS = "days"
    SECONDS = "seconds"
    DEVIATIONS = "deviations"
    PRICE = "price"
    """In the listing's currency, which is a column of its own."""
    NUMBER = "number"


_SIGNS = {Unit.PERCENT: " %", Unit.PERCENT_A_YEAR: " %"}
_UNSAID = (Unit.PRICE, Unit.NUMBER)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column, wherever it is shown."""

    label: str
    unit: Unit | None = None
    """None of what is no number."""
    decimals: int = 0
    is_signed: bool = False
    """Whether a rise has a plus."""
    form: str | None = None
    """Streamlit's own format, where digits don't do."""
    told_by: str = ""
    """The column of gold whose description is the help, with its relation."""
    width: Any = None
    is_pinned: bool = False
    is_bar: bool = False
    """Whether the number is a place between 0 and 100, drawn as a bar."""

    def text(self, value: float | None) -> str:
        """A number with its unit, a dash for none."""
        if value is None or self.unit is None:
            return DASH
        return f"{value:{'+' * self.is_signed},.{self.decimals}f}{_SIGNS.get(self.unit, '')}"

    def config(self, data_type: pl.DataType, told: str | None) -> Any:
        """Streamlit's configuration of the column."""
        more: dict[str, Any] = {"help": told, "width": self.width, "pinned": self.is_pinned or None}
        if self.is_bar:
            return st.column_config.ProgressColumn(
                self.label, format=self._digits(), min_value=0, max_value=100, **more
            )
        if self.unit is not None:
            return st.column_config.NumberColumn(self.label, format=self.form or self._digits(), **more)
        if data_type == pl.Date:
            return st.column_config.DateColumn(self.label, **more)
        if data_type == pl.Datetime:
            return st.column_config.DatetimeColumn(self.label, format="YYYY-MM-DD HH:mm", **more)
        if data_type == pl.Boolean:
            return st.column_config.CheckboxColumn(self.label, **more)
        if data_type == pl.List:
            return st.column_config.LineChartColumn(self.label, **more)
        return st.column_config.TextColumn(self.label, **more)

    def _digits(self) -> str:
        assert self.unit is not None
        if self.unit in (Unit.SHARES, Unit.DAYS, Unit.NUMBER) and not self.decimals:
            return "localized"
        sign = _SIGNS.get(self.unit, "").replace("%", "%%")
        return f"%{'+' * self.is_signed}.{self.decimals}f{sign}"


def _price(label: str, column: str) -> Column:
    return Column(label=label, unit=Unit.PRICE, decimals=2, told_by=f"fact_adjusted_prices.{column}")


def _change(label: str, column: str) -> Column:
    return Column(label=label, unit=Unit.PERCENT, decimals=2, is_signed=True, told_by=column)


def _ratio(label: str) -> Column:
    return Column(label=label, unit=Unit.NUMBER, decimals=2)


COLUMNS: dict[str, Column] = {
    # Who and when
    "symbol": Column(label="Symbol", is_pinned=True, told_by="mart_stock_summary.symbol"),
    "other": Column(label="With"),
    "company_name": Column(label="Company", told_by="mart_stock_summary.company_name"),
    "sector": Column(label="Sector", told_by="mart_stock_summary.sector"),
    "other_sector": Column(label="Its sector"),
    "industry": Column(label="Industry", told_by="mart_stock_summary.industry"),
    "currency": Column(label="Currency", told_by="mart_stock_summary.currency"),
    "interval": Column(label="Interval", told_by="fact_adjusted_prices.interval"),
    "source": Column(label="Source"),
    "price_date": Column(label="Date", is_pinned=True, told_by="fact_adjusted_prices.price_date"),
    "first_date": Column(label="From"),
    "last_date": Column(label="To"),
    "latest_date": Column(label="Latest bar", told_by="mart_stock_summary.last_date"),
    "is_stale": Column(label="Late", told_by="mart_stock_summary.is_stale"),
    "expected_last_date": Column(label="Expected", told_by="mart_stock_summary.expected_last_date"),
    # Prices of a bar
    "open": _price("Open", "open"),
    "high": _price("High", "high"),
    "low": _price("Low", "low"),
    "close": _price("Close", "close"),
    "split_adjusted_close": _price("Split-adjusted", "split_adjusted_close"),
    "adjusted_close": _price("Adjusted", "adjusted_close"),
    "low_52w": _price("52-week low", "low_52w"),
    "high_52w": _price("52-week high", "high_52w"),
    "recent_adjusted_closes": Column(
        label="Last 30 bars", width=95, told_by="mart_stock_summary.recent_adjusted_closes"
    ),
    "volume": Column(label="Volume", unit=Unit.SHARES, form="compact", told_by="fact_adjusted_prices.volume"),
    "traded_value": Column(
        label="Traded value", unit=Unit.PRICE, form="compact", told_by="mart_stock_summary.traded_value"
    ),
    "traded_value_currency": Column(label="in", told_by="mart_stock_summary.traded_value_currency"),
    "volume_from": Column(label="From", unit=Unit.SHARES),
    "volume_to": Column(label="To", unit=Unit.SHARES),
    # Returns
    "simple_return": _change("Return", "fact_adjusted_prices.simple_return"),
    "day_return": _change("Day", "mart_stock_summary.day_return"),
    "weekly_return": _change("Week", "mart_stock_summary.weekly_return"),
    "is_week_over": Column(label="Week over", told_by="mart_stock_summary.is_week_over"),
    "total_return": _change("Total return", "trailing_returns.total_return"),
    "yearly_return": Column(
        label="A year",
        unit=Unit.PERCENT_A_YEAR,
        decimals=2,
        is_signed=True,
        told_by="trailing_returns.yearly_return",
    ),
    **{
        column: _change("Since start" if horizon == "Max" else horizon, "trailing_returns.total_return")
        for horizon, column in queries.HORIZONS.items()
    },
    "horizon": Column(label="Horizon", told_by="trailing_returns.horizon"),
    "month": Column(label="Month", unit=Unit.NUMBER, form="%d", told_by="monthly_returns.month"),
    "monthly_return": _change("Return of the month", "monthly_returns.monthly_return"),
    "year_to_date_return": _change("Of the year so far", "monthly_returns.year_to_date_return"),
    "year": Column(label="Year", unit=Unit.NUMBER, form="%d", is_pinned=True, told_by="monthly_returns.year"),
    "return_zscore": Column(
        label="z", unit=Unit.DEVIATIONS, decimals=1, is_signed=True, told_by="fact_adjusted_prices.return_zscore"
    ),
    "return_from": Column(label="From", unit=Unit.PERCENT, decimals=1, is_signed=True),
    "return_to": Column(label="To", unit=Unit.PERCENT, decimals=1, is_signed=True),
    # Risk
    "volatility_52w": Column(
        label="Volatility", unit=Unit.PERCENT_A_YEAR, decimals=1, told_by="fact_adjusted_prices.volatility_52w"
    ),
    "volatility": Column(label="Volatility", unit=Unit.PERCENT_A_YEAR, decimals=1),
    "drawdown": Column(label="Below peak", unit=Unit.PERCENT, decimals=1, told_by="fact_adjusted_prices.drawdown"),
    "position_in_52w_range": Column(
        label="52-week range",
        unit=Unit.PERCENT,
        width=105,
        is_bar=True,
        told_by="mart_stock_summary.position_in_52w_range",
    ),
    "max_drawdown": Column(label="Deepest fall", unit=Unit.PERCENT, decimals=1, told_by="drawdown_episodes.depth"),
    "depth": Column(label="Depth", unit=Unit.PERCENT, decimals=1, told_by="drawdown_episodes.depth"),
    "peak_date": Column(label="Peak", told_by="drawdown_episodes.peak_date"),
    "trough_date": Column(label="Trough", told_by="drawdown_episodes.trough_date"),
    "recovery_date": Column(label="Recovered", told_by="drawdown_episodes.recovery_date"),
    "days_down": Column(label="Days down", unit=Unit.DAYS, told_by="drawdown_episodes.days_down"),
    "correlation": Column(label="Correlation", unit=Unit.NUMBER, decimals=3),
    "sessions": Column(label="Common sessions", unit=Unit.NUMBER),
    "sharpe_ratio": _ratio("Sharpe"),
    "beta": _ratio("Beta"),
    "tracking_error": Column(label="Tracking error", unit=Unit.PERCENT_A_YEAR, decimals=1),
    "information_ratio": _ratio("Sharpe of the lead"),
    # Corporate actions
    "action": Column(label="Action", told_by="corporate_actions.action"),
    "dividend_amount": Column(
        label="Dividend", unit=Unit.PRICE, decimals=4, told_by="fact_adjusted_prices.dividend_amount"
    ),
    "split_coefficient": Column(
        label="Split", unit=Unit.NUMBER, form="%.4g", told_by="fact_adjusted_prices.split_coefficient"
    ),
    "payment_yield": Column(label="Yield", unit=Unit.PERCENT, decimals=2, told_by="corporate_actions.payment_yield"),
    "trailing_yield": Column(
        label="Yield of 52 weeks", unit=Unit.PERCENT, decimals=2, told_by="corporate_actions.trailing_yield"
    ),
    # Sectors
    "symbols": Column(label="Symbols", unit=Unit.NUMBER),
    "median_day_return": _change("Median day", "mart_stock_summary.day_return"),
    "median_weekly_return": _change("Median week", "mart_stock_summary.weekly_return"),
    "weeks_not_over": Column(label="Weeks not over", unit=Unit.NUMBER, told_by="mart_stock_summary.is_week_over"),
    "median_volatility": Column(
        label="Median volatility",
        unit=Unit.PERCENT_A_YEAR,
        decimals=1,
        told_by="fact_adjusted_prices.volatility_52w",
    ),
    "median_drawdown": Column(
        label="Median below peak", unit=Unit.PERCENT, decimals=1, told_by="fact_adjusted_prices.drawdown"
    ),
    # The pipeline
    "rule": Column(label="Rule", width="medium", told_by="data_quality.rule"),
    "model": Column(label="Model", told_by="data_quality.model"),
    "severity": Column(label="When broken", told_by="data_quality.severity"),
    "status": Column(label="Result", told_by="data_quality.status"),
    "failures": Column(label="Rows found", unit=Unit.NUMBER, told_by="data_quality.failures"),
    "checked_at": Column(label="Checked", told_by="data_quality.checked_at"),
    "started_at": Column(label="Started", told_by="pipeline_runs.started_at"),
    "outcome": Column(label="Outcome"),
    "exit_code": Column(label="Exit code", unit=Unit.NUMBER, told_by="pipeline_runs.exit_code"),
    "is_running": Column(label="Running"),
    "series": Column(label="Series", told_by="pipeline_runs.series"),
    "is_published": Column(label="Published", told_by="data_quality.is_published"),
    "command": Column(label="Command", told_by="pipeline_runs.command"),
    "seconds": Column(label="Seconds", unit=Unit.SECONDS, decimals=1, told_by="pipeline_runs.seconds"),
    "steps": Column(label="Steps", unit=Unit.NUMBER, told_by="pipeline_runs.steps"),
    "message": Column(label="Message", width="large"),
    "observed_at": Column(label="Observed"),
    "held_since": Column(label="Held since", told_by="held_series.held_since"),
    "reason": Column(label="Reason", width="large"),
    "raw": Column(label="As received", told_by="rejected_bars.raw"),
    "rejected_bars": Column(label="Refused rows", unit=Unit.NUMBER),
    "bars": Column(label="Bars", unit=Unit.NUMBER, told_by="mart_stock_summary.bars"),
    "expected_bars": Column(label="Sessions", unit=Unit.NUMBER, told_by="mart_stock_summary.expected_bars"),
    "bars_changed": Column(label="Bars changed", unit=Unit.NUMBER, told_by="restatements.bars_changed"),
    "bars_withdrawn": Column(label="Of them withdrawn", unit=Unit.NUMBER, told_by="restatements.bars_withdrawn"),
    "largest_factor": Column(
        label="Largest factor", unit=Unit.NUMBER, decimals=4, told_by="restatements.largest_factor"
    ),
    "day": Column(label="Day", told_by="request_budget.day"),
    "budget_key": Column(label="Provider and key", told_by="request_budget.budget_key"),
    "used": Column(label="Used", unit=Unit.NUMBER, told_by="request_budget.used"),
    "exhausted_at": Column(label="Quota spent", told_by="request_budget.exhausted_at"),
}


def text(name: str, value: float | None) -> str:
    """A number of a column with its unit, a dash for none."""
    return COLUMNS[name].text(value)


def label_with_unit(name: str) -> str:
    """A column's label, and what it counts where that isn't plain."""
    unit = COLUMNS[name].unit
    words = {Unit.PERCENT: " (%)", Unit.PERCENT_A_YEAR: " (% a year)", Unit.SHARES: " (shares)"}
    return COLUMNS[name].label + (words.get(unit, "") if unit else "")


def configs(frame: pl.DataFrame) -> dict[str, Any]:
    """Streamlit's configurations of a frame's columns."""
    descriptions = _descriptions()
    return {
        name: COLUMNS[name].config(data_type, descriptions.get(COLUMNS[name].told_by))
        for name, data_type in frame.schema.items()
    }


def described(name: str) -> str:
    """What gold says of a column; empty where it says nothing."""
    return str(_descriptions().get(COLUMNS[name].told_by, ""))


def _descriptions() -> dict[str, str]:
    """Of every column of gold, by its relation and name."""
    return dict(rows(queries.DESCRIPTIONS).iter_rows())


def file(frame: pl.DataFrame) -> str:
    """A frame as CSV, without columns that hold lists; the headers say the units."""
    flat = frame.select(name for name, data_type in frame.schema.items() if data_type != pl.List)
    return flat.rename({name: header(name) for name in flat.columns}).write_csv()


def header(name: str) -> str:
    """A column's name in a file."""
    unit = COLUMNS[name].unit
    return name if unit is None or unit in _UNSAID or unit in name.split("_") else f"{name}_{unit}"
