"""When a cron schedule starts next, daylight saving time included."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.cluster import CronState

NEW_YORK = "America/New_York"
WEEKDAY_EVENINGS = "30 18 * * 1-5"


def next_start(schedule: str, timezone: str, after: datetime, *, suspended: bool = False) -> datetime | None:
    cron = CronState(
        name="daily",
        schedules=(schedule,),
        timezone=timezone,
        is_suspended=suspended,
        last_at=None,
        conditions=(),
    )
    return cron.next_at(after)


def test_what_is_suspended_never_starts() -> None:
    assert next_start(WEEKDAY_EVENINGS, NEW_YORK, datetime(2026, 1, 1, tzinfo=UTC), suspended=True) is None


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-23T12:00:00+00:00", "2026-11-23T18:30:00-05:00"),  # Monday morning
        ("2026-11-23T23:30:00+00:00", "2026-11-24T18:30:00-05:00"),  # the very minute: the next one
        ("2026-11-27T23:31:00+00:00", "2026-11-30T18:30:00-05:00"),  # Friday evening: Monday
        ("2026-03-06T23:31:00+00:00", "2026-03-09T18:30:00-04:00"),  # the clocks went forward on Sunday
        ("2026-10-30T22:31:00+00:00", "2026-11-02T18:30:00-05:00"),  # and back
    ],
)
def test_daily_schedule_keeps_new_yorks_time(after: str, expected: str) -> None:
    start = next_start(WEEKDAY_EVENINGS, NEW_YORK, datetime.fromisoformat(after))
    assert start is not None
    assert start.isoformat() == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/15 * * * *", "2026-11-23T12:15"),
        ("0,30 6-8 * * *", "2026-11-24T06:00"),
        ("0 0 1 * *", "2026-12-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 * * 7", "2026-11-29T00:00"),
        ("0 0 * * 0", "2026-11-29T00:00"),
        ("0 0 13 * 5", "2026-11-27T00:00"),  # either kind of day, as cron has it
        ("5/20 12 * * *", "2026-11-23T12:05"),
        ("0 0 31 12 *", "2026-12-31T00:00"),
    ],
)
def test_fields(schedule: str, expected: str | None) -> None:
    found = next_start(schedule, "", datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == expected


@given(st.integers(0, 8_000_000), st.integers(0, 59), st.integers(3, 23))
def test_a_time_of_day_comes_within_a_day_and_an_hour(minutes: int, minute: int, hour: int) -> None:
    after = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    start = next_start(f"{minute} {hour} * * *", NEW_YORK, after)
    assert start is not None
    assert timedelta(0) < start.astimezone(UTC) - after <= timedelta(hours=25)
    local = start.astimezone(ZoneInfo(NEW_YORK))
    assert (local.hour, local.minute) == (hour, minute)
