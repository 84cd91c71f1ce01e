"""Keys of bronze objects."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.bronze import ObjectKey
from stocks.errors import ConfigError

FACTS = {
    "area": "series",
    "symbol": "BRK-B",
    "endpoint": "TIME_SERIES_DAILY_ADJUSTED",
    "source": "alphavantage",
    "observed_at": datetime(2024, 5, 17, 22, 1, 2, tzinfo=UTC),
    "sha256": "0123456789abcdef" * 4,
}
TEXT = "series/BRK-B/TIME_SERIES_DAILY_ADJUSTED/alphavantage/20240517T220102Z-" + FACTS["sha256"] + ".json.gz"

keys = st.builds(
    ObjectKey,
    area=st.sampled_from(["series", "reference", "quarantine"]),
    symbol=st.from_regex(r"\A[A-Z0-9]([A-Z0-9\-]{0,8}(\.[A-Z]{2,3})?)\Z").filter(lambda s: s[-1] != "-"),
    endpoint=st.from_regex(r"\A[A-Z_]{1,30}\Z"),
    source=st.from_regex(r"\A[a-z]{1,12}\Z"),
    observed_at=st.integers(0, 32_503_680_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    sha256=st.from_regex(r"\A[0-9a-f]{64}\Z"),
)


def test_the_text_of_a_key_tells_every_fact():
    assert str(ObjectKey(**FACTS)) == TEXT


@given(keys)
def test_a_key_survives_its_text(key):
    assert ObjectKey.parse(str(key)) == key


@given(keys, keys)
def test_texts_of_one_series_sort_by_time(one, other):
    later = ObjectKey(**{**FACTS, "observed_at": max(one.observed_at, other.observed_at), "sha256": one.sha256})
    earlier = ObjectKey(**{**FACTS, "observed_at": min(one.observed_at, other.observed_at)})
    assert (str(earlier) < str(later)) or earlier.observed_at == later.observed_at


@given(st.text() | st.from_regex(r"\A(series|other)/[^/]+/[^/]+/[^/]+/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{64}\.json\.gz\Z"))
def test_a_strangers_file_is_no_key(text):
    key = ObjectKey.parse(text)
    assert key is None or str(key) == text


@pytest.mark.parametrize(
    "text",
    [
        TEXT + ".tmp",
        TEXT.replace("20240517", "20240532"),
        TEXT.replace("series/", "serious/"),
        TEXT.replace("BRK-B", ".."),
        TEXT.replace("BRK-B", "brk-b"),
        TEXT.replace("alphavantage", "alpha vantage"),
        "/" + TEXT,
        "",
    ],
)
def test_nearly_a_key_is_none(text):
    assert ObjectKey.parse(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "../etc"},
        {"symbol": "A/B"},
        {"symbol": ".."},
        {"symbol": ""},
        {"symbol": "IBM\0"},
        {"endpoint": "a/b"},
        {"endpoint": ".."},
        {"source": ""},
        {"area": "elsewhere"},
        {"sha256": "ABC"},
        {"observed_at": datetime(2024, 5, 17)},  # noqa: DTZ001 - naive on purpose
        {"observed_at": datetime(2024, 5, 17, tzinfo=timezone(timedelta(hours=1)))},
        {"observed_at": datetime(2024, 5, 17, microsecond=1, tzinfo=UTC)},
    ],
)
def test_what_can_not_be_part_of_a_key_is_refused(change):
    with pytest.raises(ConfigError):
        ObjectKey(**{**FACTS, **change})
