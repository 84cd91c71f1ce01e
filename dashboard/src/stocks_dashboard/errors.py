"""What a visitor may be told. Each error says what is wrong and what to do.

DashboardError
├── SettingsWrong          no address, or a login that the warehouse refuses
├── WarehouseUnavailable   passes: the page tries again by itself
├── GoldMissing            passes: nothing has been built yet
└── QueryTooSlow           the warehouse gave up on a query
"""

from __future__ import annotations


class DashboardError(Exception):
    """Base of all that a page shows in place of its content.

    Args:
        advice: What to do, in Markdown.
    """

    title = "Something is wrong"
    icon = ":material/error:"

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice


class SettingsWrong(DashboardError):
    """The environment names no warehouse, or one that refuses this login."""

    title = "The dashboard's settings are wrong"
    icon = ":material/settings_alert:"


class WarehouseUnavailable(DashboardError):
    """The warehouse can't be reached, or went away."""

    title = "The warehouse can't be reached"
    icon = ":material/cloud_off:"


class GoldMissing(DashboardError):
    """The warehouse answers, but has no gold to read."""

    title = "There is nothing to show yet"
    icon = ":material/database_off:"


class QueryTooSlow(DashboardError):
    """The warehouse ended a query that took too long."""

    title = "That took too long"
    icon = ":material/hourglass_disabled:"
