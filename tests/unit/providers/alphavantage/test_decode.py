"""The fast and the tolerant way to decode must tell the same."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from stocks.errors import MalformedPayload
from stocks.providers.alphavantage.decode import decode, decode_any, decode_regular, name_of
from stocks.providers.frame import FIELDS

KEY = "Time Series (Daily)"
ROW = {
    "1. open": "143.39",
    "2. high": "144.85",
    "3. low": "142.79",
    "4. close": "144.61",
    "5. adjusted close": "132.507609516269",
    "6. volume": "3170857",
    "7. dividend amount": "0.0000",
    "8. split coefficient": "1.0",
}
WEEKLY = {label: text for label, text in ROW.items() if label[0] != "8"}
UNADJUSTED = {**dict(list(ROW.items())[:4]), "5. volume": "3170857"}  # the same ordinal, another field


def answer(series: str, meta: str = '{"2. Symbol": "IBM"}') -> bytes:
    return f'{{"Meta Data": {meta}, "{KEY}": {series}}}'.encode()


def told(body: bytes) -> list[dict[str, object]]:
    return decode(body, KEY).rows.to_dicts()


@pytest.mark.parametrize("row", [ROW, WEEKLY, UNADJUSTED, {**ROW, "9. trades": "5"}, dict(reversed(ROW.items()))])
def test_a_regular_answer_is_decoded_the_fast_way(row):
    body = answer(json.dumps({"2021-10-15": row, "2021-10-14": row}))
    fast, tolerant = decode_regular(body, KEY), decode_any(body, KEY)
    assert fast is not None
    assert fast.symbol == tolerant.symbol == "IBM"
    assert_frame_equal(fast.rows, tolerant.rows)
    expected = {name_of(label): float(text) for label, text in row.items()}
    assert fast.rows.row(1, named=True) == {
        "row": 1,
        "date_text": "2021-10-14",
        **{name: expected.get(name) for name in FIELDS},
    }


@pytest.mark.parametrize(
    ("series", "why"),
    [
        (f'{{"2021-10-15": {json.dumps(ROW)}, "2021-10-15": {json.dumps(ROW)}}}', "a date twice"),
        (f'{{"2021-10-15": {json.dumps(ROW)[:-1]}, "1. open": "9"}}}}', "a label twice"),
        (f'{{"2021-10-15": {json.dumps(ROW)[:-1]}, "open": "9"}}}}', "two labels of one name"),
        (f'{{"2021-10-15": {json.dumps(ROW)}, "2021-10-14": {json.dumps(WEEKLY)}}}', "a label is missing"),
        (f'{{"2021-10-15": {json.dumps(WEEKLY)}, "2021-10-14": {json.dumps(ROW)}}}', "a label is new"),
        (f'{{"2021-10-15": {json.dumps({**ROW, "1. open": "None"})}}}', "no number"),
        (f'{{"2021-10-15": {json.dumps({**ROW, "1. open": None})}}}', "null"),
        (f'{{"2021-10-15": {json.dumps({**ROW, "9. more": {"a": 1}})}}}', "a nested object"),
        (f'{{"2021-10-15": {json.dumps(ROW)}, "2021-10-14": 5}}', "a row that is no object"),
        ('{"2021-10-15": {}}', "a row with nothing in it"),
        (f'{{"2021\\u002d10-15": {json.dumps(ROW)}}}', "an escape"),
    ],
)
def test_an_irregular_answer_is_left_to_the_tolerant_way(series, why):
    body = answer(series)
    fast = decode_regular(body, KEY)
    if why == "a row with nothing in it":
        assert fast is None or fast.rows.null_count()["open"].item() == 1
    else:
        assert fast is None, why
    assert len(told(body)) == series.count('": {"1') + series.count('": 5') + series.count('": {}')


@pytest.mark.parametrize(
    "body",
    [
        answer(json.dumps({"2021-10-15": ROW})).replace(b'{"Meta', f'{{"{KEY}": {{"2021-10-14": 5}}, "Meta'.encode()),
        answer(json.dumps({"2021-10-15": ROW}))[:-1] + f', "{KEY}": {json.dumps({"2021-10-14": ROW})}}}'.encode(),
        answer(json.dumps({"2021-10-15": ROW}))[:-1] + b', "more": 1}',
        answer(json.dumps({"2021-10-15": ROW}), json.dumps({f"about {KEY}": "{}"})),
    ],
    ids=["a series before it", "a series behind it", "another member", "its name in another text"],
)
def test_an_answer_with_more_than_its_series_is_left_to_the_tolerant_way(body):
    assert decode_regular(body, KEY) is None


def test_a_value_told_twice_is_lost_only_where_it_differs():
    same = answer(f'{{"2021-10-15": {json.dumps(ROW)[:-1]}, "1. open": "143.390"}}}}')
    other = answer(f'{{"2021-10-15": {json.dumps(ROW)[:-1]}, "1. open": "143.40"}}}}')
    again = answer(f'{{"2021-10-15": {json.dumps(ROW)[:-1]}, "1. open": "9", "1. open": "9"}}}}')
    assert [told(body)[0]["open"] for body in (same, other, again)] == [143.39, None, None]


@pytest.mark.parametrize("meta", ["{}", "[]", "null", '{"2. Symbol": null}', '{"Symbol": {"a": "IBM"}}'])
def test_meta_data_without_a_symbol_tell_none(meta):
    decoded = decode(answer(json.dumps({"2021-10-15": ROW}), meta), KEY)
    assert decoded.symbol is None
    assert len(decoded.rows) == 1


def test_a_label_is_known_by_its_words():
    assert name_of("5. adjusted close") == name_of("12.adjusted close") == name_of("Adjusted Close") == "adjusted_close"


numbers = st.sampled_from(["1", "1.50", "-1", "0.0", "1e5", "nan", "inf"]) | st.floats().map(str)
odd = st.sampled_from(["None", "", "1,5", None, True, 7, 1.5, [1], {"a": "b"}, "\ud800", "a:b", 'q"', "\\"])
names = st.sampled_from([*ROW, "5. volume", "9. other", "open", "x:y"])
series_rows = st.dictionaries(names, numbers | odd, max_size=9) | st.fixed_dictionaries(dict.fromkeys(ROW, numbers))
series_texts = st.lists(
    st.tuples(st.dates().map(str) | st.text(max_size=4), series_rows | odd), min_size=1, max_size=6
).map(lambda rows: "{" + ", ".join(f"{json.dumps(day)}: {json.dumps(row)}" for day, row in rows) + "}")


@given(series_texts)
@settings(max_examples=300)
def test_the_fast_way_tells_what_the_tolerant_one_does_or_nothing(series):
    body = answer(series)
    tolerant = decode_any(body, KEY)
    fast = decode_regular(body, KEY)
    if fast is not None:
        assert fast.symbol == tolerant.symbol
        assert_frame_equal(fast.rows, tolerant.rows)


@given(st.binary(max_size=60))
def test_junk_is_malformed(body):
    for junk in (body, answer("1").replace(b"1}", body + b"}")):
        with pytest.raises(MalformedPayload):
            decode(junk, KEY)
