"""Writes dbt/seeds/exchange_holiday.csv: every weekday on which an exchange is shut or closes early.

The pipeline and dbt read that file, so that neither needs exchange_calendars (and pandas) at run time.
Source: the package exchange_calendars, pinned in requirements/dev.txt.

    python tools/exchange_holidays.py [--check]
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import exchange_calendars

FIRST, LAST = "1999-01-01", "2028-12-31"
EXCHANGES = ("XLON", "XNYS", "XTSE")
SEED = Path(__file__).parents[1] / "dbt" / "seeds" / "exchange_holiday.csv"


def render() -> str:
    """The seed's text: calendar, holiday_date, closes_at (local time; empty: shut all day), holiday_name."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["calendar", "holiday_date", "closes_at", "holiday_name"])
    for name in EXCHANGES:
        calendar = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
        names = calendar.regular_holidays.holidays(FIRST, LAST, return_name=True)
        sessions = {session.date() for session in calendar.sessions}
        early = {session.date(): calendar.closes[session] for session in calendar.early_closes}
        days = sorted(
            set(early)
            | {
                day.date()
                for day in exchange_calendars.calendar_helpers.pd.bdate_range(FIRST, LAST)
                if day.date() not in sessions
            }
        )
        named = {day.date(): title for day, title in names.items()}
        for day in days:
            closes = early[day].tz_convert(calendar.tz).strftime("%H:%M") if day in early else ""
            title = named.get(day) or ("Early close" if closes else "Unscheduled closure")
            writer.writerow([name, day.isoformat(), closes, title])
    return out.getvalue()


def main() -> int:
    """Writes the seed, or with --check says whether it is current."""
    text = render()
    if "--check" not in sys.argv[1:]:
        SEED.write_text(text)
        return 0
    if SEED.read_text() == text:
        return 0
    print(f"{SEED.name} is out of date: run `make generate`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
