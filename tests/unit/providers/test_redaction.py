"""The secret is gone in every form that it takes."""

import json
import logging
from urllib.parse import quote, quote_plus

import httpx
from hypothesis import given
from hypothesis import strategies as st

from stocks.providers.redaction import Redaction

# Nothing that a part of "<redacted>" or of the text around it could be mistaken for.
SECRETS = st.text(alphabet='XYZ0123456789+/&=% "\\é', min_size=4)


@given(secret=SECRETS)
def test_every_form_is_replaced(secret: str) -> None:
    redaction = Redaction(secret)
    url = str(httpx.URL("http://host/query", params={"apikey": secret}))
    for form in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret), url):
        text = f"before {form} after"
        assert secret not in redaction.text(text)
        assert quote(secret, safe="") not in redaction.text(text)
        assert "<redacted>" in redaction.text(text)
        assert redaction.body(text.encode()).decode() == redaction.text(text)


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A key, each of its characters spelled in some way."""
    ways = [
        lambda c: c,
        lambda c: f"\\u{ord(c):04x}",
        lambda c: f"\\u{ord(c):04X}",
        lambda c: f"\\\\u{ord(c):04x}",
        lambda c: f"%{ord(c):02x}",
        lambda c: f"%25{ord(c):02X}",
    ]
    return "".join(draw(st.sampled_from(ways))(c) for c in "K3Y+/z")


@given(spelled(), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32"]))
def test_however_each_character_is_spelled_in_names_and_values_in_any_encoding(key: str, encoding: str) -> None:
    text = f'{{"name {key} ": "value {key}"}}'
    left = '{"name <redacted> ": "value <redacted>"}'
    assert Redaction("K3Y+/z").text(text) == left
    body = Redaction("K3Y+/z").body(text.encode(encoding))
    assert b"".join(body.removeprefix(b"\xff\xfe").replace(b"\0", b"").splitlines()).decode() == left


@given(st.sampled_from(["K3Y", "KK", "K 3", "K+é", ""]), st.text(alphabet='K3Y+é \\u%0459{"', max_size=40))
def test_bytes_are_cleaned_as_text_is(secret: str, text: str) -> None:
    assert Redaction(secret).body(text.encode()).decode() == Redaction(secret).text(text)


def test_a_long_text_of_half_escapes_takes_no_longer_than_another() -> None:
    body = b"\\" * 1_000_000 + b"%25" * 300_000
    assert Redaction("S3CRET").body(body) == body


def test_an_empty_secret_changes_nothing() -> None:
    assert Redaction("").text("demo") == "demo"
    assert Redaction("").body(b"demo") == b"demo"


def test_as_a_filter_it_cleans_arguments_and_keeps_other_records() -> None:
    redaction = Redaction("SECRETKEY")
    dirty = logging.LogRecord("n", logging.INFO, "f", 1, "GET %s", (httpx.URL("http://h/?apikey=SECRETKEY"),), None)
    clean = logging.LogRecord("n", logging.INFO, "f", 1, "GET %s", ("http://h/",), None)
    assert redaction.filter(dirty)
    assert dirty.getMessage() == "GET http://h/?apikey=<redacted>"
    assert redaction.filter(clean)
    assert clean.args == ("http://h/",)
