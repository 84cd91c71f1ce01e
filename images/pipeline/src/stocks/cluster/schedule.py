"""When a cron schedule starts next: Argo keeps only when it last did."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_HORIZON = timedelta(days=366)


def next_start(schedule: str, timezone: str, after: datetime) -> datetime | None:
    """The first minute after a moment that a schedule names.

    Args:
        schedule: Minute, hour, day of month, month, day of week (0 and 7 are Sunday): numbers, ranges, lists, steps.
        timezone: The IANA zone in which the fields are meant; UTC where empty.
        after: Aware.

    Returns:
        The moment in that zone; None where there is none within a year.

    Raises:
        ValueError: It is no such schedule.
    """
    fields = schedule.split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{schedule!r} has not five fields.")
    minutes, hours, days, months, weekdays = (
        _values(field, first, last) for field, (first, last) in zip(fields, _RANGES, strict=True)
    )
    weekdays = {day % 7 for day in weekdays}
    zone = ZoneInfo(timezone or "UTC")
    day = after.astimezone(zone).date()
    for _ in range(_HORIZON.days + 1):
        # As cron has it: where both kinds of day are restricted, either may match.
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        restricted = fields[2] != "*" and fields[4] != "*"
        if day.month in months and (in_month or in_week if restricted else in_month and in_week):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                    if moment > after:
                        return moment
        day += timedelta(days=1)
    return None


def _values(field: str, first: int, last: int) -> set[int]:
    """The numbers that a field of a schedule stands for."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        start, end = (first, last) if span == "*" else (int(low), int(high) if dash else int(low))
        if step and not dash and span != "*":
            end = last
        if not first <= start <= end <= last:
            raise ValueError(f"{part!r} is outside {first} to {last}.")
        values.update(range(start, end + 1, int(step or 1)))
    return values
