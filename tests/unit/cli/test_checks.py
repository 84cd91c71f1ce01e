"""What `stocks doctor` says of calendars."""

from datetime import date

from stocks.cli.checks import ending


def test_the_end_of_a_calendar_is_told_a_year_ahead() -> None:
    assert ending(date(2039, 12, 30)) == []
    told = ending(date(2040, 1, 2))
    assert "XNYS's holidays are known to 2040-12-31 only: after it every weekday counts as a session" in told
