"""Writes what dbt's seeds know of each calendar: exchange_holiday.csv and exchange_calendar.csv.

The first has every weekday on which an exchange is shut or closes early, the second the days from and to which these
are known. The pipeline and dbt read both, so that neither needs exchange_calendars (and pandas) at run time.
Source: the package exchange_calendars, pinned in requirements/dev.txt; where holidays are announced year by year
(Shanghai, Mumbai) it knows them to the end of the last year that was.

    python tools/exchange_holidays.py [--check]
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path

import exchange_calendars
from exchange_calendars.calendar_helpers import pd

# Providers' oldest bars are of 1962; holidays by rule are as good as today's law for some years ahead.
FIRST, LAST = pd.Timestamp("1962-01-01"), pd.Timestamp("2040-12-31")
pd.tseries.holiday.AbstractHolidayCalendar.start_date = FIRST  # else pandas knows no holiday before 1970, in silence
SEEDS = Path(__file__).parents[1] / "dbt" / "seeds"


def render() -> dict[str, str]:
    """The text of each seed: the days of each calendar, and from when to when they are known."""
    with (SEEDS / "exchange.csv").open(newline="") as lines:
        names = {row["calendar"] for row in csv.DictReader(lines)}
    known: list[tuple[object, ...]] = []
    holidays: list[tuple[object, ...]] = []
    for name in sorted(names & set(exchange_calendars.get_calendar_names())):
        own = type(exchange_calendars.get_calendar(name))
        first, last = max(FIRST, own.bound_min() or FIRST), min(LAST, own.bound_max() or LAST)
        known.append((name, first.date(), last.date()))
        holidays += _days(name, first, last)
    return {
        "exchange_calendar.csv": _csv(("calendar", "known_from", "known_to"), known),
        "exchange_holiday.csv": _csv(("calendar", "holiday_date", "closes_at", "holiday_name"), holidays),
    }


def _days(name: str, first: pd.Timestamp, last: pd.Timestamp) -> Iterable[tuple[str, ...]]:
    """Calendar, day, when it closes (local time; empty: shut all day), and what the day is called."""
    calendar = exchange_calendars.get_calendar(name, start=first, end=last)
    by_rule = calendar.regular_holidays
    titles = {} if by_rule is None else by_rule.holidays(first, last, return_name=True)
    named = {day.date(): title for day, title in titles.items()}
    shut = "Holiday" if by_rule is None else "Unscheduled closure"
    early = {session.date(): calendar.closes[session] for session in calendar.early_closes}
    sessions = {session.date() for session in calendar.sessions}
    for day in sorted(set(early) | {day.date() for day in pd.bdate_range(first, last)} - sessions):
        closes = early[day].tz_convert(calendar.tz).strftime("%H:%M") if day in early else ""
        yield name, day.isoformat(), closes, named.get(day) or ("Early close" if closes else shut)


def _csv(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def main() -> int:
    """Writes the seeds, or with --check says whether they are current."""
    texts = {SEEDS / name: text for name, text in render().items()}
    if "--check" not in sys.argv[1:]:
        for seed, text in texts.items():
            seed.write_text(text)
        return 0
    stale = [seed.name for seed, text in texts.items() if not seed.exists() or seed.read_text() != text]
    if stale:
        print(f"{', '.join(stale)}: out of date, run `make generate`.", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
