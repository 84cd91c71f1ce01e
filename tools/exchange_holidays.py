"""Writes what dbt's seeds know of each calendar: exchange_holiday.csv and exchange_calendar.csv.

The first has every weekday on which an exchange is shut or closes early, and the sessions that it holds on weekends and
holidays; the second the days from and to which these are known. The pipeline and dbt read both, so that neither needs
exchange_calendars (and pandas) at run time.
Source: the package exchange_calendars, pinned in requirements/dev.txt; where holidays are announced year by year
(Shanghai, Mumbai) it knows them to the end of the last year that was.

    python tools/exchange_holidays.py [--check]
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import exchange_calendars
from exchange_calendars.calendar_helpers import pd

# Providers' oldest bars are of 1962; holidays by rule are as good as today's law for some years ahead.
FIRST, LAST = pd.Timestamp("1962-01-01"), pd.Timestamp("2040-12-31")
pd.tseries.holiday.AbstractHolidayCalendar.start_date = FIRST  # else pandas knows no holiday before 1970, in silence
SEEDS = Path(__file__).parents[1] / "dbt" / "seeds"

_MUHURAT = "19:30", "Muhurat trading"  # an hour in the evening of Diwali, at the latest from 18:30
_BUDGET = "15:30", "Union budget"
_RECOVERY = "15:30", "Trading from the recovery site"
_TEST = "15:30", "Test of new systems"
# Sessions on weekends and holidays, with the local time by which they have ended and why they are held: the exchange's
# circulars announce them one by one, and exchange_calendars has none of them. Sources: of 2012-04-28 NSE's circular
# 032/2012; of 2014-03-22 the time-tables that teluguinvestor.com and sharemanthan.in print; of the budgets, of 2024's
# Saturdays and of Diwali from 2014 to 2025 the newspapers of the day, which cite the circulars (Indian Express,
# Business Standard, Mint, Hindustan Times, NDTV, Deccan Herald, DNA). None was found for 1999 to 2009, 2012-01-07,
# 2012-03-03, 2012-09-08, the day of 2013's Diwali, and 2026's.
SPECIAL_SESSIONS: dict[str, dict[str, tuple[str, str]]] = {
    "XBOM": {
        "1999-11-07": _MUHURAT,
        "2003-10-25": _MUHURAT,
        "2006-10-21": _MUHURAT,
        "2009-10-17": _MUHURAT,
        "2012-01-07": _TEST,
        "2012-03-03": _TEST,
        "2012-04-28": _TEST,
        "2012-09-08": _TEST,
        "2013-11-03": _MUHURAT,
        "2014-03-22": _TEST,
        "2014-10-23": _MUHURAT,
        "2015-02-28": _BUDGET,
        "2015-11-11": _MUHURAT,
        "2016-10-30": _MUHURAT,
        "2017-10-19": _MUHURAT,
        "2018-11-07": _MUHURAT,
        "2019-10-27": _MUHURAT,
        "2020-02-01": _BUDGET,
        "2020-11-14": _MUHURAT,
        "2021-11-04": _MUHURAT,
        "2022-10-24": _MUHURAT,
        "2023-11-12": _MUHURAT,
        "2024-01-20": ("15:30", "In place of 2024-01-22"),
        "2024-03-02": _RECOVERY,
        "2024-05-18": _RECOVERY,
        "2024-11-01": _MUHURAT,
        "2025-02-01": _BUDGET,
        "2025-10-21": ("14:45", "Muhurat trading"),  # in the afternoon
        "2026-02-01": _BUDGET,
        "2026-11-08": _MUHURAT,
    }
}


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
    special = {date.fromisoformat(day): told for day, told in SPECIAL_SESSIONS.get(name, {}).items()}
    for day in sorted(set(early) | set(special) | {day.date() for day in pd.bdate_range(first, last)} - sessions):
        if day in special:
            yield name, day.isoformat(), *special[day]
            continue
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
