"""JSON read with nothing lost, written for jsonb."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks.errors import MalformedPayload
from stocks.providers.json_text import read_pairs, shape, storable, write

documents = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_members_with_one_name_are_all_kept():
    pairs = read_pairs(b'{"a": 1, "b": {"c": [2, {"c": 3}]}, "a": 4}')
    assert pairs.named("a") == ["1", "4"]
    assert write(pairs) == '{"a": "1", "b": {"c": ["2", {"c": "3"}]}, "a": "4"}'


@pytest.mark.parametrize("number", ["1", "1.50", "-0", "1e999", "NaN", "-Infinity", "9" * 5000])
def test_a_number_stays_its_text(number):
    assert read_pairs(f'{{"a": {number}}}'.encode()).named("a") == [number]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b'{"a": 1}}', b"\xff{}", "\ufeff{}".encode(), b'{"a":' * 99999]
)
def test_what_is_no_object_is_malformed(body):
    with pytest.raises(MalformedPayload) as caught:
        read_pairs(body)
    assert caught.value.body == body


@given(st.dictionaries(st.text(max_size=5), documents, max_size=4))
def test_what_was_read_is_written_again(document):
    assert json.loads(write(read_pairs(json.dumps(document).encode()))) == json.loads(
        storable(json.dumps(document, ensure_ascii=False)).replace("\\u0000", "\ufffd")
    )


@given(st.text(st.characters()))
def test_storable_text_is_what_postgresql_takes(text):
    stored = storable(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored
    assert len(stored) == len(text)


@pytest.mark.parametrize("before", range(6))
def test_an_escape_is_one_wherever_a_text_is_cut(before):
    """Megabyte by megabyte, nesting is told as of the whole."""
    start = b'{"a": "' + b"x" * (2**20 - 10 - before)
    for text, depth in ((start + rb"\\\"[[[" + b'", "b": [[]]}', 3), (start + rb"\\\\" + b'", "b": [[]]}', 3)):
        assert isinstance(json.loads(text), dict)
        assert shape(text, deepest=10, most=10) == (depth, 1)
