"""Sessions and settlement, against exchange_calendars over all the seed's years."""

import warnings
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.exchange_holidays import SPECIAL_SESSIONS

from stocks.trading_calendar import SETTLEMENT, TradingCalendar, calendar_of
from stocks.universe import read_seed

LAST = date(2028, 12, 31)
LISTINGS = {
    "XNYS": "IBM",
    "XLON": "TSCO.LON",
    "XTSE": "SHOP.TRT",
    "XETR": "MBG.DEX",
    "XFRA": "MBG.FRK",
    "XBOM": "RELIANCE.BSE",
    "XSHG": "600104.SHH",
    "BVMF": "PETR4.SAO",
    "XAMS": "ASML.AMS",
    "XBRU": "ABI.BRU",
    "XLIS": "EDP.LIS",
    "XPAR": "OR.PAR",
    "XSTO": "ERIC-B.STO",
}
LATER = {"XFRA", "BVMF"}
"""Frankfurt's floor trades until ten, Sao Paulo until six, or five in its winter: the library has one hour for all."""
KNOWN = {
    row["calendar"]: (date.fromisoformat(row["known_from"]), date.fromisoformat(row["known_to"]))
    for row in read_seed("exchange_calendar")
}
CALENDARS = [calendar_of(symbol) for symbol in LISTINGS.values()]

calendars = st.sampled_from(CALENDARS)
moments = st.datetimes(datetime(1999, 2, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def _compared(name: str) -> tuple[date, date]:
    """The days that the library tells by itself: without the tool's care pandas has no holidays before 1970."""
    first, last = KNOWN[name]
    return max(first, date(1970, 1, 1)), last


@cache
def closes(name: str) -> dict[date, datetime]:
    """Each session and its close: those of exchange_calendars, and those that it doesn't know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what pandas has deprecated
        first, last = _compared(name)
        own = exchange_calendars.get_calendar(name, start=str(first), end=str(last))
    theirs = {session.date(): close.to_pydatetime() for session, close in own.closes.items()}
    special = {
        date.fromisoformat(day): time.fromisoformat(at) for day, (at, _) in SPECIAL_SESSIONS.get(name, {}).items()
    }
    assert not special.keys() & theirs.keys()
    return dict(sorted((theirs | {day: datetime.combine(day, at, own.tz) for day, at in special.items()}).items()))


@pytest.mark.parametrize("name", LISTINGS)
def test_sessions_are_those_of_exchange_calendars(name: str) -> None:
    calendar = calendar_of(LISTINGS[name])
    assert calendar.name == name
    assert list(calendar.sessions(*_compared(name))) == list(closes(name))


@pytest.mark.parametrize("name", LISTINGS)
def test_prices_are_settled_ninety_minutes_after_the_close(name: str) -> None:
    calendar = calendar_of(LISTINGS[name])
    theirs = {session: close + timedelta(minutes=90) for session, close in closes(name).items()}
    ours = {session: calendar.settled_at(session) for session in theirs}
    if name in LATER:
        assert all(theirs[session] <= ours[session] <= theirs[session] + timedelta(hours=5) for session in theirs)
    else:
        assert ours == theirs


def test_sessions_on_weekends_and_holidays_are_sessions() -> None:
    mumbai = calendar_of("RELIANCE.BSE")
    budget, diwali = date(2025, 2, 1), date(2024, 11, 1)
    assert [day.strftime("%a") for day in mumbai.sessions(date(2024, 1, 18), date(2024, 1, 23))] == [
        *("Thu", "Fri", "Sat", "Tue")  # Monday was a holiday in its place
    ]
    for day in (budget, diwali):
        assert mumbai.last_session(day) == day
    assert mumbai.settled_at(diwali) == datetime(2024, 11, 1, 21, 0, tzinfo=mumbai.timezone)
    assert mumbai.last_settled_week(datetime(2025, 2, 1, 12, tzinfo=UTC)) == budget
    assert mumbai.last_settled_week(datetime(2025, 2, 1, 9, tzinfo=UTC)) == date(2025, 1, 24)
    assert calendar_of("600104.SHH").last_session(budget) == date(2025, 1, 27)  # Shanghai holds none


def test_settlement_is_aware_and_knows_early_closes() -> None:
    assert timedelta(minutes=90) == SETTLEMENT
    new_york = calendar_of("IBM")
    assert new_york.settled_at(date(2024, 7, 3)) == datetime(2024, 7, 3, 18, 30, tzinfo=UTC)  # 13:00, a short day
    assert new_york.settled_at(date(2024, 7, 5)) == datetime(2024, 7, 5, 21, 30, tzinfo=UTC)
    assert new_york.settled_at(date(2024, 1, 5)) == datetime(2024, 1, 5, 22, 30, tzinfo=UTC)  # in winter


@given(calendars, moments)
def test_last_settled_is_the_newest_session_that_is_settled(calendar: TradingCalendar, moment: datetime) -> None:
    day = calendar.last_settled(moment)
    assert calendar.is_session(day)
    assert calendar.settled_at(day) <= moment
    after = list(calendar.sessions(day + timedelta(days=1), day + timedelta(days=14)))
    assert calendar.settled_at(after[0]) > moment


@given(calendars, st.dates(date(1999, 2, 1), LAST))
def test_last_settled_changes_at_the_very_second(calendar: TradingCalendar, day: date) -> None:
    day = calendar.last_session(day)
    settled = calendar.settled_at(day)
    assert calendar.last_settled(settled) == day
    assert calendar.last_settled(settled - timedelta(seconds=1)) == calendar.last_session(day - timedelta(days=1))


@given(calendars, moments)
def test_last_settled_week_is_the_newest_whose_sessions_are_all_settled(
    calendar: TradingCalendar, moment: datetime
) -> None:
    day = calendar.last_settled_week(moment)
    after = list(calendar.sessions(day + timedelta(days=1), day + timedelta(days=21)))
    assert calendar.is_session(day)
    assert calendar.settled_at(day) <= moment
    assert after[0].isocalendar()[:2] > day.isocalendar()[:2]  # it is its week's last
    ends = [one for one, following in pairwise(after) if one.isocalendar()[:2] != following.isocalendar()[:2]]
    assert calendar.settled_at(ends[0]) > moment


@given(calendars, moments, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_time_never_unsettles_a_session(calendar: TradingCalendar, moment: datetime, later: timedelta) -> None:
    assert calendar.last_settled(moment) <= calendar.last_settled(moment + later)
    assert calendar.last_settled_week(moment) <= calendar.last_settled_week(moment + later)
    assert calendar.last_settled_week(moment) <= calendar.last_settled(moment)


@given(calendars, moments)
def test_zone_of_the_moment_does_not_matter(calendar: TradingCalendar, moment: datetime) -> None:
    elsewhere = moment.astimezone(CALENDARS[1].timezone)
    assert calendar.last_settled(moment) == calendar.last_settled(elsewhere)


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        ("2024-03-28T21:29:59+00:00", date(2024, 3, 22)),  # the Thursday before Good Friday, not settled yet
        ("2024-03-28T21:30:00+00:00", date(2024, 3, 28)),  # settled: the week is over without a Friday
        ("2024-04-03T12:00:00+00:00", date(2024, 3, 28)),
        ("2001-09-10T12:00:00+00:00", date(2001, 9, 7)),
        ("2001-09-12T12:00:00+00:00", date(2001, 9, 10)),  # the exchange stayed shut until the 17th
    ],
)
def test_week_that_ends_early_is_over_with_its_last_session(moment: str, week: date) -> None:
    assert calendar_of("IBM").last_settled_week(datetime.fromisoformat(moment)) == week


def test_no_sessions_where_the_end_comes_first() -> None:
    assert not list(CALENDARS[0].sessions(date(2024, 1, 5), date(2024, 1, 4)))


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("IBM", "XNYS"),
        ("AAPL", "XNYS"),
        ("TSCO.LON", "XLON"),
        ("SHOP.TRT", "XTSE"),
        ("BARC.LON", "XLON"),  # not in the universe: by its suffix
        ("RY.TRT", "XTSE"),
        ("ZZZZ", "XNYS"),  # and New York's where there is none
        ("LON", "XNYS"),
        ("MBG.DEX", "XETR"),
        ("GPV.TRV", "XTSE"),
        ("000002.SHZ", "XSHG"),
        ("BRK.B", "XNYS"),  # a share class
        ("BF-B", "XNYS"),
        ("ABC.WS", "XNYS"),  # a warrant
        ("BAC.PRK", "XNYS"),  # preferred shares
        ("TOYOTA.XYZ", "WEEKDAYS"),  # of an exchange that nobody knows: not New York's
        ("BHP.AX", "WEEKDAYS"),
    ],
)
def test_calendar_of_a_symbol(symbol: str, name: str) -> None:
    assert calendar_of(symbol).name == name


def test_every_exchange_of_the_universe_has_a_calendar_and_each_calendar_holidays() -> None:
    exchanges = {row["exchange"]: row["calendar"] for row in read_seed("exchange")}
    assert {row["exchange"] for row in read_seed("universe")} <= set(exchanges)
    assert {row["calendar"] for row in read_seed("exchange_holiday")} == set(KNOWN) == set(LISTINGS)
    assert set(exchanges.values()) == {*LISTINGS, "WEEKDAYS"}


def test_calendars_reach_as_far_as_providers_have_bars() -> None:
    assert KNOWN["XNYS"][0] <= date(1962, 1, 2)  # the first day of IBM's bars at several providers
    assert all(known_to >= date(2026, 12, 31) for _, known_to in KNOWN.values())
    assert calendar_of("IBM").known_to == KNOWN["XNYS"][1] > date(2036, 1, 1)
    assert calendar_of("TOYOTA.XYZ").known_to is None


def test_new_york_held_as_many_sessions_a_year_as_the_stock_exchange_counts() -> None:
    years = {1962: 252, 1963: 251, 1964: 253, 1965: 252, 1966: 252, 1967: 251, 1968: 226, 1969: 250, 1970: 254}
    held = {year: len(list(calendar_of("IBM").sessions(date(year, 1, 1), date(year, 12, 31)))) for year in years}
    assert held == years  # 1968: Wednesdays were for the paperwork


def test_weekdays_outside_the_seeds_years_are_sessions() -> None:
    assert CALENDARS[0].is_session(date(1954, 7, 5))
    assert not CALENDARS[0].is_session(date(1954, 7, 4))
    assert calendar_of("TOYOTA.XYZ").is_session(date(2024, 12, 25))
