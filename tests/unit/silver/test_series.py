"""Series answers -> bars, rejects and refusals."""

import json
import random
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from stocks.errors import MalformedPayload, StocksError
from stocks.providers import PROVIDERS, Endpoint
from stocks.providers.alphavantage.answers import DAILY, SERIES_KEYS, WEEKLY
from stocks.providers.provider import Adjustment
from stocks.silver import RULES, ParsedSeries, judge_series
from stocks.trading_calendar import TradingCalendar

GOOD_FRIDAY = date(2024, 3, 29)
NEW_YORK = TradingCalendar(
    name="XNYS",
    timezone=ZoneInfo("America/New_York"),
    closes_at=time(16),
    holidays=frozenset({date(2024, 1, 1), date(2024, 1, 15), date(2024, 2, 19), GOOD_FRIDAY}),
    special_closes={date(2024, 7, 3): time(13)},
)
DAYS = list(NEW_YORK.sessions(date(2024, 1, 2), date(2024, 6, 28)))
LATER = datetime(2024, 7, 10, 12, tzinfo=UTC)

Rows = list[tuple[str, dict[str, object]]]


def daily_rows(
    count: int = 40, *, actions: dict[int, tuple[float, float]] | None = None, decimals: int = 12, price: float = 100
) -> Rows:
    """A series without fault, oldest first, as the provider adjusts it: actions are (dividend, split) by place."""
    actions = actions or {}
    closes, paid, shares = list[float](), 0.0, 1.0
    for place in range(count):  # the price follows each action
        dividend, split = actions.get(place, (0.0, 1.0))
        shares *= split
        paid += dividend * shares
        closes.append(max(round((price + place % 7 - 3 * (place % 3) - paid) / shares, 2), 0.01))
    factors = [1.0] * count
    for place in range(count - 1, 0, -1):
        dividend, split = actions.get(place, (0.0, 1.0))
        factors[place - 1] = factors[place] * closes[place] / (closes[place] + dividend) / split
    return [
        (
            DAYS[place].isoformat(),
            {
                "1. open": f"{closes[place] * 1.005:.4f}",
                "2. high": f"{closes[place] * 1.01:.4f}",
                "3. low": f"{closes[place] * 0.99:.4f}",
                "4. close": f"{closes[place]:.4f}",
                "5. adjusted close": f"{closes[place] * factors[place]:.{decimals}f}",
                "6. volume": str(1_000_000 + place),
                "7. dividend amount": f"{actions.get(place, (0.0, 1.0))[0]:.4f}",
                "8. split coefficient": str(actions.get(place, (0.0, 1.0))[1]),
            },
        )
        for place in range(count)
    ]


def weekly_rows(*days: date) -> Rows:
    rows = []
    for day, (_, row) in zip(days, daily_rows(len(days)), strict=True):
        rows.append((day.isoformat(), {label: text for label, text in row.items() if "split" not in label}))
    return rows


def payload(rows: Rows, endpoint: Endpoint = DAILY, symbol: str = "IBM") -> bytes:
    """The answer, newest first; rows are pairs so that a date may stand in it twice."""
    series = ", ".join(f"{json.dumps(day)}: {json.dumps(row)}" for day, row in reversed(rows))
    meta = {"1. Information": "Prices", "2. Symbol": symbol, "5. Time Zone": "US/Eastern"}
    return f'{{"Meta Data": {json.dumps(meta)}, "{SERIES_KEYS[endpoint]}": {{{series}}}}}'.encode()


def parse(
    rows: Rows | bytes,
    endpoint: Endpoint = DAILY,
    *,
    symbol: str = "IBM",
    observed_at: datetime = LATER,
    adjustment: Adjustment = "reinvest_ex_close",
) -> ParsedSeries:
    body = rows if isinstance(rows, bytes) else payload(rows, endpoint)
    return judge_series(
        PROVIDERS["alphavantage"].read(body, endpoint),
        symbol=symbol,
        interval=endpoint.interval or "daily",
        observed_at=observed_at,
        calendar=NEW_YORK,
        adjustment=adjustment,
    )


def changed(rows: Rows, place: int, **fields: object) -> Rows:
    """The rows with other values in one: open="1" changes "1. open"; a value of None takes the label away."""
    day, row = rows[place]
    row = {
        label: fields.get(name, text)
        for label, text in row.items()
        if fields.get(name := label[3:].replace(" ", "_"), text) is not None
    }
    return [*rows[:place], (day, row), *rows[place + 1 :]]


def redated(rows: Rows, place: int, day: str) -> Rows:
    return [*rows[:place], (day, rows[place][1]), *rows[place + 1 :]]


def rescaled(rows: Rows, places: range, factor: float) -> Rows:
    """The rows with some adjusted closes on another basis."""
    for place in places:
        rows = changed(rows, place, adjusted_close=str(float(rows[place][1]["5. adjusted close"]) * factor))
    return rows


def repriced(rows: Rows, places: range, factor: float) -> Rows:
    """The rows with all prices of some bars multiplied."""
    for place in places:
        told = {label: rows[place][1][label] for label in rows[place][1] if label[0] in "12345"}
        day, row = rows[place]
        prices = {label: f"{float(text) * factor:.4f}" for label, text in told.items()}
        rows = [*rows[:place], (day, {**row, **prices}), *rows[place + 1 :]]
    return rows


# --- what is right


def test_a_good_series_becomes_typed_bars_in_order():
    parsed = parse(daily_rows(40))
    assert parsed.bars.schema == {
        "price_date": pl.Date,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "adjusted_close": pl.Float64,
        "volume": pl.Int64,
        "dividend_amount": pl.Float64,
        "split_coefficient": pl.Float64,
        "is_final": pl.Boolean,
    }
    assert parsed.bars["price_date"].to_list() == DAYS[:40]
    assert parsed.bars.row(0) == (date(2024, 1, 2), 100.5, 101, 99, 100, 100, 1_000_000, 0, 1, True)
    assert parsed.refused == ""
    assert parsed.rejects.is_empty()
    assert parsed.rejects.schema == dict.fromkeys(("price_date", "rule", "reason", "raw"), pl.String)


def test_weekly_bars_tell_no_split():
    parsed = parse(weekly_rows(date(2024, 1, 5), date(2024, 1, 12)), WEEKLY)
    assert parsed.bars["split_coefficient"].to_list() == [1.0, 1.0]
    assert parsed.rejects.is_empty()


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("8519000.0", 8_519_000),
        ("3000000000", 3_000_000_000),
        ("0", 0),
        (str(2**53), 2**53),
        ("1e17", 10**17),
        (77, 77),
    ],
)
def test_volumes_that_are_whole_numbers(text, volume):
    assert parse(changed(daily_rows(), 5, volume=text)).bars["volume"][5] == volume


@pytest.mark.parametrize(
    "fields",
    [
        {"open": "101.00005", "high": "101.0", "close": "100.5"},
        {"open": "98.99995", "low": "99.0"},
        {"split_coefficient": "1.0000"},
        {"high": "1.2e2"},
        {"open": 100.25},
    ],
)
def test_rounding_and_other_ways_to_write_a_number_are_no_fault(fields):
    rows = changed(daily_rows(), 0, **{name: value for name, value in fields.items() if name != "close"})
    assert parse(rows).rejects.is_empty()


# --- each rule

Example = tuple[str, Rows]
ROW = 20
EXAMPLES: list[Example] = [
    *(
        ("unparsable_date", redated(daily_rows(), ROW, day))
        for day in (
            "",
            "2024-02-30",
            "2024-1-31",
            "2024-01-31 16:00",
            "0000-01-03",
            "soon",
            "\0",
            "\ud800",
            "٢٠٢٤-01-31",
        )
    ),
    *(
        ("missing_value", changed(daily_rows(), ROW, **{field: value}))
        for field in (
            "open",
            "high",
            "low",
            "close",
            "adjusted_close",
            "volume",
            "dividend_amount",
            "split_coefficient",
        )
        for value in ("", "None", "nan", "inf", "1,000", "1e999", True, [1], {"a": 1})
    ),
    ("missing_value", changed(daily_rows(), ROW, close=None)),
    ("missing_value", [*daily_rows()[:ROW], (DAYS[ROW].isoformat(), "no row"), *daily_rows()[ROW + 1 :]]),
    ("missing_value", [*daily_rows()[:ROW], (DAYS[ROW].isoformat(), {}), *daily_rows()[ROW + 1 :]]),
    *(
        ("price_not_positive", changed(daily_rows(), ROW, **{field: value}))
        for field in ("open", "high", "low", "close", "adjusted_close")
        for value in ("0.0000", "-1")
    ),
    *(
        ("number_out_of_range", changed(daily_rows(), ROW, **{field: value}))
        for field in ("open", "adjusted_close", "dividend_amount", "split_coefficient")
        for value in ("1e300", "4e-320")
    ),
    ("unparsable_date", redated(daily_rows(), 0, "1000-01-02")),
    ("high_below_low", changed(daily_rows(), ROW, high="90", low="110")),
    ("open_outside_range", changed(daily_rows(), ROW, open="150")),
    ("open_outside_range", changed(daily_rows(), ROW, open="50")),
    ("close_outside_range", changed(daily_rows(), ROW, close="150")),
    ("close_outside_range", changed(daily_rows(), ROW, close="50")),
    ("range_too_wide", changed(daily_rows(), ROW, high="1000")),
    ("range_too_wide", changed(daily_rows(), ROW, low="10")),
    ("volume_negative", changed(daily_rows(), ROW, volume="-1")),
    *(
        ("volume_not_an_integer", changed(daily_rows(), ROW, volume=volume))
        for volume in ("8519000.5", str(10**18), str(2**63), "1e30")
    ),
    ("negative_dividend", changed(daily_rows(), ROW, dividend_amount="-0.1")),
    ("split_not_positive", changed(daily_rows(), ROW, split_coefficient="0.0")),
    ("split_not_positive", changed(daily_rows(), ROW, split_coefficient="-2")),
    ("future_date", redated(daily_rows(), 39, "2024-07-11")),
    ("not_a_session", redated(daily_rows(), ROW, "2024-06-29")),
    ("not_a_session", redated(daily_rows(), ROW, "2024-02-19")),
    ("factor_discontinuity", rescaled(daily_rows(), range(ROW, ROW + 1), 1.00001)),
    ("price_spike", repriced(daily_rows(), range(ROW, ROW + 1), 100)),
    ("price_spike", repriced(daily_rows(), range(ROW, ROW + 1), 0.01)),
]


@pytest.mark.parametrize(("rule", "rows"), EXAMPLES)
def test_a_broken_rule_rejects_its_row_alone(rule, rows):
    parsed = parse(rows)
    assert parsed.rejects["rule"].to_list() == [rule]
    assert len(parsed.bars) == len(rows) - 1
    assert parsed.refused == ""
    day, rule, reason, raw = parsed.rejects.row(0)
    assert reason
    for text in (day, raw):
        text.encode()  # PostgreSQL takes neither half a surrogate pair
        assert "\0" not in text  # nor NUL
        assert "\\u0000" not in text
    json.loads(raw)


def test_a_reject_keeps_what_was_received():
    parsed = parse(changed(daily_rows(), ROW, close="-1", volume=7))
    row = daily_rows()[ROW][1] | {"4. close": "-1", "6. volume": "7"}
    assert parsed.rejects["price_date"].to_list() == [DAYS[ROW].isoformat()]
    assert json.loads(parsed.rejects["raw"][0]) == row
    assert parsed.rejects["reason"].to_list() == ["the lowest of the row's prices is -1.0"]


def test_every_missing_value_is_named():
    parsed = parse(changed(daily_rows(), ROW, open="None", volume=None))
    assert parsed.rejects["reason"].to_list() == ["no usable open, volume"]


def test_the_first_broken_rule_counts():
    parsed = parse(changed(daily_rows(), ROW, open="0", volume="-1", split_coefficient="0"))
    assert parsed.rejects["rule"].to_list() == ["price_not_positive"]


@pytest.mark.parametrize("close", ["100.0", "100.5"])
def test_a_date_told_twice_is_rejected_whole(close):
    rows = daily_rows()
    twin = changed(rows, ROW, close=close)[ROW]
    parsed = parse([*rows[: ROW + 1], twin, *rows[ROW + 1 :]])
    assert parsed.rejects["rule"].to_list() == ["duplicate_date", "duplicate_date"]
    assert {json.loads(raw)["4. close"] for raw in parsed.rejects["raw"]} == {close, rows[ROW][1]["4. close"]}
    assert len(parsed.bars) == len(rows) - 1


@pytest.mark.parametrize(("again", "rules"), [("-5", ["missing_value"]), (None, [])])
def test_a_value_told_twice_must_be_told_the_same(again, rules):
    rows = daily_rows()
    again = again or rows[ROW][1]["1. open"]
    body = payload(rows)
    told = f'"{rows[ROW][0]}": {{'.encode()
    parsed = parse(body.replace(told, told + f'"1. open": "{again}", '.encode()))
    assert parsed.rejects["rule"].to_list() == rules
    assert len(parsed.bars) + len(rules) == len(rows)


def test_a_week_has_one_bar():
    parsed = parse(weekly_rows(date(2024, 1, 5), date(2024, 1, 10), date(2024, 1, 12)), WEEKLY)
    assert parsed.rejects.select("price_date", "rule").rows() == [("2024-01-10", "duplicate_week")]
    assert parsed.rejects["reason"].to_list() == ["2024-01-12 is of the same week"]
    assert parsed.bars["price_date"].to_list() == [date(2024, 1, 5), date(2024, 1, 12)]


def test_a_week_that_ends_on_a_holiday_is_dated_by_its_thursday():
    rows = weekly_rows(date(2024, 3, 22), date(2024, 3, 28), date(2024, 4, 5))
    assert parse(rows, WEEKLY).rejects.is_empty()
    parsed = parse(redated(rows, 0, "2024-01-15"), WEEKLY)
    assert parsed.rejects["rule"].to_list() == ["not_a_session"], "its week had not begun on that holiday"


@pytest.mark.parametrize("told", [GOOD_FRIDAY, date(2024, 3, 30), date(2024, 3, 31)])
def test_a_week_told_by_a_day_after_its_sessions_is_dated_by_the_last_of_them(told):
    rows = weekly_rows(date(2024, 3, 22), told, date(2024, 4, 5))
    parsed = parse(rows, WEEKLY)
    assert parsed.rejects.is_empty()
    assert parsed.bars["price_date"].to_list() == [date(2024, 3, 22), date(2024, 3, 28), date(2024, 4, 5)]
    assert parsed.bars["is_final"].all()
    twice = parse(weekly_rows(date(2024, 3, 28), told), WEEKLY)
    assert twice.rejects.select("price_date", "rule").rows() == [("2024-03-28", "duplicate_week")]
    assert twice.bars["price_date"].to_list() == [date(2024, 3, 28)]


def test_every_rule_has_an_example_and_a_meaning():
    shown = {rule for rule, _ in EXAMPLES} | {"duplicate_date", "duplicate_week"}
    assert shown == set(RULES)
    assert all(RULES.values())


# --- provisional bars


@pytest.mark.parametrize(
    ("observed_at", "is_final"),
    [
        (datetime(2024, 2, 28, 21, 0, 1, tzinfo=UTC), False),  # one second after the close
        (datetime(2024, 2, 28, 22, 29, 59, tzinfo=UTC), False),
        (datetime(2024, 2, 28, 22, 30, 0, tzinfo=UTC), True),  # 90 minutes after it
        (datetime(2024, 2, 29, 3, 0, 0, tzinfo=UTC), True),
    ],
)
def test_a_days_bar_is_final_when_its_session_is_settled(observed_at, is_final):
    assert DAYS[39] == date(2024, 2, 28)
    bars = parse(daily_rows(40), observed_at=observed_at).bars
    assert bars["is_final"].to_list() == [True] * 39 + [is_final]


def test_the_future_begins_at_the_exchanges_midnight():
    rows = daily_rows(40)  # to 28 February
    midnight_in_new_york = datetime(2024, 2, 28, 5, tzinfo=UTC)
    assert parse(rows, observed_at=midnight_in_new_york).rejects.is_empty()
    parsed = parse(rows, observed_at=datetime(2024, 2, 28, 4, 59, tzinfo=UTC))
    assert parsed.rejects["rule"].to_list() == ["future_date"]


@pytest.mark.parametrize(
    ("last", "observed_at", "is_final"),
    [
        (date(2024, 3, 21), datetime(2024, 3, 21, 23, tzinfo=UTC), False),  # Thursday: the week goes on
        (date(2024, 3, 22), datetime(2024, 3, 22, 20, 30, tzinfo=UTC), False),  # Friday, not settled
        (date(2024, 3, 22), datetime(2024, 3, 22, 22, tzinfo=UTC), True),
        (date(2024, 3, 28), datetime(2024, 3, 28, 22, tzinfo=UTC), True),  # Friday is a holiday
        (date(2024, 3, 21), datetime(2024, 3, 23, 12, tzinfo=UTC), False),  # the provider is late
        (date(2024, 3, 21), datetime(2024, 3, 28, 22, tzinfo=UTC), True),  # nothing was traded that Friday
    ],
)
def test_a_weeks_bar_is_final_when_its_last_session_is_settled(last, observed_at, is_final):
    bars = parse(weekly_rows(date(2024, 3, 15), last), WEEKLY, observed_at=observed_at).bars
    assert bars["is_final"].to_list() == [True, is_final]


# --- adjustment


def test_dividends_and_splits_explain_the_factor():
    actions = {3: (0.51, 1.0), 10: (0.0, 2.0), 11: (0.0, 0.1), 20: (2.65, 7.0), 39: (1.0, 1.0)}
    parsed = parse(daily_rows(actions=actions))
    assert parsed.refused == ""
    assert parsed.rejects.is_empty()


def test_a_dividend_lowers_the_factor_by_the_convention_of_the_source():
    rows = daily_rows(actions={10: (2.0, 2.0), 20: (1.5, 1.0)})
    assert "two bases" in parse(rows, adjustment="previous_close").refused
    closes = [float(row["4. close"]) for _, row in rows]
    factor = 1.0
    for place in range(len(rows) - 1, 0, -1):
        dividend, split = (float(rows[place][1][label]) for label in ("7. dividend amount", "8. split coefficient"))
        factor *= (1 - dividend * split / closes[place - 1]) / split
        rows = changed(rows, place - 1, adjusted_close=f"{closes[place - 1] * factor:.12f}")
    assert "two bases" in parse(rows).refused
    parsed = parse(rows, adjustment="previous_close")
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)


@pytest.mark.parametrize("price", [100, 10])
def test_adjusted_closes_with_four_decimals_may_be_off_by_half_of_the_last(price):
    rows = daily_rows(actions={5: (0.11, 1.0), 20: (0.12, 1.0)}, decimals=4, price=price)
    assert parse(rows).rejects.is_empty()


def test_adjusted_closes_with_more_decimals_must_be_as_exact():
    rows = rescaled(daily_rows(decimals=4, price=10), range(40), 0.9123456)
    assert parse(rows).rejects.is_empty()
    parsed = parse(rescaled(rows, range(ROW, ROW + 1), 1.000003))
    assert parsed.rejects["rule"].to_list() == ["factor_discontinuity"]


@pytest.mark.parametrize(("dividend", "split"), [(0.26625, 1.0), (0.0, 1 / 15), (0.0, 1 / 3)])
def test_an_action_is_known_to_four_decimals(dividend, split):
    rows = changed(
        daily_rows(actions={20: (dividend, split)}, price=20),
        20,
        dividend_amount=f"{dividend:.4f}",
        split_coefficient=f"{split:.4f}",
    )
    parsed = parse(rows)
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)


@pytest.mark.parametrize("adjustment", ["reinvest_ex_close", "previous_close"])
@pytest.mark.parametrize("one_for", [3, 15, 30, 149, 150, 151, 6_700, 10_000, 19_900])
@pytest.mark.parametrize("decimals", [4, 12])
def test_a_reverse_split_is_as_exact_as_the_prices_have_it(one_for, decimals, adjustment):
    rows = daily_rows(actions={20: (0.0, 1 / one_for), 30: (0.0, 2.0)}, decimals=decimals)
    parsed = parse(changed(rows, 20, split_coefficient=f"{1 / one_for:.4f}"), adjustment=adjustment)
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)
    assert parsed.bars["split_coefficient"][20] == 1 / one_for
    assert parsed.bars["split_coefficient"][30] == 2


@pytest.mark.parametrize("split", [0.1, 0.0667, 0.0066, 0.9524, 0.0004])
def test_a_split_that_the_prices_have_as_told_stays_as_it_is(split):
    parsed = parse(daily_rows(actions={20: (0.0, split)}))
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)
    assert parsed.bars["split_coefficient"][20] == split


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("decimals", [4, 12])
def test_a_special_dividend_may_be_most_of_the_price(share, decimals):
    rows = daily_rows(decimals=decimals, actions={20: (round(share * 100, 4), 1.0)})
    assert parse(rows).refused == ""
    closes = [float(row["4. close"]) for _, row in rows]
    paid = f"{share * closes[19] + 0.00004:.5f}"
    rows = changed(rows, 20, dividend_amount=f"{float(paid):.4f}")
    for place in range(20):
        adjusted = closes[place] * (1 - float(paid) / closes[19])
        rows = changed(rows, place, adjusted_close=f"{adjusted:.{decimals}f}")
    parsed = parse(rows, adjustment="previous_close")
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)


@pytest.mark.parametrize("factors", [[0.9, 0.9], [0.9, 0.8], [0.5, 2.0, 0.5], [0.9] * 5])
@pytest.mark.parametrize("first", [1, 7, 20, 30])
def test_a_few_bars_in_a_row_that_are_off_are_rejected(first, factors):
    rows = daily_rows(actions={7: (0.5, 1.0), 22: (0.0, 2.0)})
    for place, factor in enumerate(factors, first):
        rows = rescaled(rows, range(place, place + 1), factor)
    parsed = parse(rows)
    assert parsed.refused == ""
    off = DAYS[first : first + len(factors)]
    assert sorted(parsed.rejects["price_date"]) == [day.isoformat() for day in off]


def test_more_bars_that_are_off_are_a_shift():
    assert "two bases" in parse(rescaled(daily_rows(), range(10, 16), 0.9)).refused


@pytest.mark.parametrize("action", [(0.51, 1.0), (0.0, 2.0), (0.0, 1 / 15)])
@pytest.mark.parametrize("missing", [1, 4])
def test_an_action_of_a_session_that_was_not_told_is_no_fault(action, missing):
    rows = daily_rows(actions={20: action})
    parsed = parse([*rows[: 21 - missing], *rows[21:]])
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)


def test_an_action_told_after_a_halt_is_no_fault_whenever_it_was():
    rows = daily_rows(actions={20: (0.0, 10.0)})
    parsed = parse([*rows[:17], *changed(rows, 20, split_coefficient="1.0")[20:]])
    assert (parsed.refused, len(parsed.rejects)) == ("", 0)


def test_a_bar_before_a_gap_that_is_off_is_rejected():
    rows = rescaled(daily_rows(), range(19, 20), 0.9)
    parsed = parse([*rows[:20], *rows[21:]])
    assert parsed.refused == ""
    assert parsed.rejects["price_date"].to_list() == [DAYS[19].isoformat()]


def test_an_action_told_on_a_day_without_a_session_hides_no_shift():
    rows = daily_rows(actions={20: (0.51, 1.0)})
    told = changed(rows, 20, volume="-1")[20][1]
    weekend = [("2024-01-13", told), *changed(rows, 20, dividend_amount="0.0")]
    assert "two bases" in parse(weekend).refused, "gold sees two sessions side by side, and no dividend"


def test_a_spin_off_that_is_not_told_is_of_its_series_alone():
    rows = rescaled(daily_rows(), range(20), 0.8137)
    parsed = parse(rows)
    assert str(DAYS[20]) in parsed.refused
    on_the_day = parse(rows[:21])
    assert on_the_day.refused == ""
    assert on_the_day.rejects["price_date"].to_list() == [DAYS[20].isoformat()]


@pytest.mark.parametrize("place", [0, 1, 6, 7, 19, 20, 38, 39])
def test_one_bar_that_is_off_is_rejected(place):
    rows = daily_rows(actions={7: (0.5, 1.0), 20: (0.0, 2.0)})
    parsed = parse(rescaled(rows, range(place, place + 1), 0.9))
    assert parsed.rejects.select("price_date", "rule").rows() == [(DAYS[place].isoformat(), "factor_discontinuity")]
    assert parsed.refused == ""


def test_several_bars_that_are_off_each_alone_are_rejected():
    rows = daily_rows()
    for place in (5, 7, 20):
        rows = rescaled(rows, range(place, place + 1), 1.5)
    parsed = parse(rows)
    assert set(parsed.rejects["price_date"]) == {DAYS[place].isoformat() for place in (5, 7, 20)}
    assert parsed.refused == ""


@pytest.mark.parametrize("first", [2, 20, 38])
def test_a_shift_of_level_refuses_the_series(first):
    parsed = parse(rescaled(daily_rows(), range(first), 0.5))
    assert str(DAYS[first]) in parsed.refused
    assert "0.5 times" in parsed.refused
    assert "should be 1 times" in parsed.refused
    assert parsed.rejects.select("price_date", "rule").rows() == [
        (DAYS[first].isoformat(), "factor_discontinuity"),
    ]


@pytest.mark.parametrize("fields", [{"split_coefficient": "1.0"}, {"dividend_amount": "0.0"}])
def test_an_action_that_is_not_told_refuses_the_series(fields):
    rows = daily_rows(actions={20: (0.51, 2.0)})
    assert parse(rows).refused == ""
    assert "two bases" in parse(changed(rows, 20, **fields)).refused


@pytest.mark.parametrize(
    ("fields", "rule"), [({"close": "999"}, "close_outside_range"), ({"dividend_amount": "?"}, "missing_value")]
)
def test_a_rejected_ex_date_says_nothing_of_the_level(fields, rule):
    parsed = parse(changed(daily_rows(actions={20: (0.51, 1.0)}), 20, **fields))
    assert parsed.rejects["rule"].to_list() == [rule]
    assert parsed.refused == ""


def test_a_rejected_day_without_action_hides_no_shift():
    rows = changed(rescaled(daily_rows(), range(20), 0.5), 20, volume="-1")
    assert "two bases" in parse(rows).refused


# --- the coverage floor


@pytest.mark.parametrize(
    ("count", "broken", "is_refused"), [(40, 5, False), (40, 6, True), (100, 10, False), (100, 11, True), (3, 3, True)]
)
def test_too_many_rejects_refuse_the_series(count, broken, is_refused):
    rows = daily_rows(count)
    for place in range(0, 2 * broken, 2) if count > broken else range(count):
        rows = changed(rows, place, volume="-1")
    parsed = parse(rows)
    assert len(parsed.rejects) == broken
    assert parsed.refused == (f"{broken} of {count} rows break a rule." if is_refused else "")


# --- what is no series


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'"Time Series (Daily)"',
        b"\xff\xfe",
        b'{"Time Series (Daily)": []}',
        b'{"Time Series (Daily)": {}}',
        b'{"Time Series (Daily)": null}',
        b'{"Information": "premium"}',
        b"[" * 100_000,
        b'{"Time Series (Daily)": ' + b'{"a": ' * 100_000,
        payload(daily_rows(), WEEKLY),
        payload(daily_rows(), symbol="AAPL"),
        payload(daily_rows())[:-100],
        payload(daily_rows())[:-1] + b', "Time Series (Daily)": {"a": {}}}',
        payload(daily_rows())[:-1] + b', "Time Series (Dail\\u0079)": {"a": {}}}',
    ],
)
def test_what_holds_no_series_of_the_symbol_is_malformed(body):
    with pytest.raises(MalformedPayload):
        parse(body)


def test_the_symbol_may_be_told_in_small_letters_or_not_at_all():
    assert len(parse(payload(daily_rows(), symbol="ibm")).bars) == 40
    body = payload(daily_rows())
    assert len(parse(body.replace(b"Meta Data", b"Other")).bars) == 40


# --- whatever comes

texts = st.one_of(
    st.sampled_from(["0", "-1", "1e400", "nan", "None", "99", "101.0000", "1e308", "5e-324", "1e-300", "9" * 5000]),
    st.floats().map(str),
    st.text(max_size=5),
)
values = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(texts, max_size=2))
labels = st.sampled_from(list(daily_rows(1)[0][1])) | st.text(max_size=5)
days = st.sampled_from([day.isoformat() for day in DAYS]) | st.dates().map(str) | st.text(max_size=12)


@st.composite
def damaged_rows(draw) -> Rows:
    """A series with up to six faults of any kind, anywhere."""
    actions = st.dictionaries(
        st.integers(1, 29), st.tuples(st.sampled_from([0.0, 0.25]), st.sampled_from([1.0, 2.0, 0.5])), max_size=3
    )
    rows = daily_rows(30, actions=draw(actions))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(rows) - 1))
        day, row = rows[place]
        match draw(st.sampled_from(["value", "date", "twin", "basis", "row"])):
            case "value":
                rows[place] = (day, {**row, draw(labels): draw(values)}) if isinstance(row, dict) else (day, row)
            case "date":
                rows[place] = (draw(days), row)
            case "twin":
                rows.append((day, row))
            case "basis" if isinstance(row, dict):
                rows[place] = (day, {**row, "5. adjusted close": str(draw(st.floats(1, 1e3)))})
            case _:
                rows[place] = (day, draw(values))
    return rows


@given(
    st.binary()
    | st.recursive(values, lambda inner: st.dictionaries(labels | days, inner)).map(json.dumps).map(str.encode)
)
def test_junk_raises_nothing_of_its_own(body):
    with pytest.raises(StocksError):
        parse(body)


@given(data=st.data())
def test_damaged_bytes_raise_nothing_of_their_own(data):
    body = bytearray(payload(daily_rows(8)))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = parse(bytes(body))
    except StocksError:
        return
    assert len(parsed.bars) + len(parsed.rejects) == 8 or parsed.bars.is_empty()


@given(damaged_rows())
def test_every_row_is_a_bar_or_a_reject_once(rows):
    parsed = parse(rows)
    assert len(parsed.bars) + len(parsed.rejects) == len(rows)
    assert set(parsed.rejects["rule"]) <= set(RULES)
    assert parsed.rejects.null_count().row(0) == (0, 0, 0, 0)
    assert parsed.bars.null_count().sum_horizontal().item() == 0
    kept = [str(day) for day in parsed.bars["price_date"]]
    received = sorted(day.encode("utf-8", "replace").decode().replace("\0", "\ufffd") for day, _ in rows)
    assert sorted([*kept, *parsed.rejects["price_date"]]) == received


@given(damaged_rows())
def test_bars_keep_every_rule(rows):
    bars = parse(rows).bars
    o, h, l, c, a = (bars[name] for name in ("open", "high", "low", "close", "adjusted_close"))  # noqa: E741
    assert bars["price_date"].is_sorted()
    assert bars["price_date"].is_unique().all()
    assert all(NEW_YORK.is_session(day) and day <= LATER.date() for day in bars["price_date"])
    for price in (o, h, l, c, a):
        assert price.is_finite().all()
        assert (price > 0).all()
    for price in (o, c):
        assert ((price <= h * (1 + 1e-6)) & (price >= l * (1 - 1e-6))).all()
    assert (h >= l).all()
    assert ((bars["volume"] >= 0) & (bars["dividend_amount"] >= 0) & (bars["split_coefficient"] > 0)).all()


@given(damaged_rows(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_labels_does_not_matter(rows: Rows, chance: random.Random):
    mixed = [
        (day, dict(chance.sample(list(row.items()), len(row))) if isinstance(row, dict) else row) for day, row in rows
    ]
    chance.shuffle(mixed)
    one, other = parse(rows), parse(mixed)
    assert_frame_equal(one.bars, other.bars)
    assert one.refused == other.refused
    assert_frame_equal(
        one.rejects.select("price_date", "rule"), other.rejects.select("price_date", "rule"), check_row_order=False
    )


@given(damaged_rows())
def test_the_same_bytes_give_the_same(rows):
    one, other = parse(rows), parse(rows)
    assert_frame_equal(one.bars, other.bars)
    assert_frame_equal(one.rejects, other.rejects)
    assert one.refused == other.refused
