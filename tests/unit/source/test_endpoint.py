"""Endpoints by the setting that chooses them."""

import pytest

from stocks.source import Endpoint


def test_each_series_has_its_endpoint() -> None:
    assert Endpoint.of_series("daily_adjusted") is Endpoint.DAILY_ADJUSTED
    assert Endpoint.of_series("weekly_adjusted") is Endpoint.WEEKLY_ADJUSTED


def test_an_overview_has_no_series() -> None:
    with pytest.raises(ValueError, match="OVERVIEW"):
        _ = Endpoint.OVERVIEW.series_key
