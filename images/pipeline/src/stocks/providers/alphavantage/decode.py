"""Payload bytes of a series -> the typed frame, a row for each row of the payload.

Two ways give the same frame. The fast one decodes straight into structs whose fields are the labels that
the payload uses, and builds no dictionary for a bar; it takes only payloads that are regular in every row.
The tolerant one reads all others row by row, and is also how the raw text of a rejected row is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

import msgspec

from stocks.errors import MalformedPayload
from stocks.providers.frame import FIELDS, Decoded, frame, frame_of_pairs
from stocks.providers.json_text import Pairs, read_pairs

_META = "Meta Data"
# "5." is the adjusted close in one endpoint and the volume in another.
_ORDINAL = re.compile(r"^\d+\.\s*")


def decode(payload: bytes, series_key: str) -> Decoded:
    """Decodes a payload, the fast way where that loses nothing.

    Args:
        payload: The answer's bytes.
        series_key: The name of the member that holds the bars.

    Raises:
        MalformedPayload: The payload holds no series.
    """
    return decode_regular(payload, series_key) or decode_any(payload, series_key)


def decode_regular(payload: bytes, series_key: str) -> Decoded | None:
    """The fast way; None where the payload is not regular: then nothing has been lost or judged yet."""
    if b"\\" in payload:  # escapes can hide what is counted below; no regular payload has any
        return None
    try:
        # The series: from the brace behind its name. The labels of its first row: from the next brace to the first that
        # closes one.
        opening = payload.index(b"{", payload.index(series_key.encode()))
        first = payload[payload.index(b"{", opening + 1) : payload.index(b"}", opening) + 1]
        labels = tuple(msgspec.json.decode(first, type=dict[str, msgspec.Raw]))
        answer = _decoder(series_key, labels).decode(payload)
    except (ValueError, TypeError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    bars = answer.series
    # A JSON parser keeps the last of several members with one name and says nothing. But each member has a
    # colon, and every row that was kept has all labels: one colon more, and something went unseen.
    if payload.count(b":", opening) != len(bars) * (1 + len(labels)):
        return None
    names = {name_of(label) for label in labels}
    columns = {name: list(map(attrgetter(name), bars.values())) for name in FIELDS if name in names}
    return Decoded(
        symbol=_symbol(answer.meta.items()),
        rows=frame(list(bars), columns),
        raw=partial(_raw_rows, payload, series_key),
    )


def decode_any(payload: bytes, series_key: str) -> Decoded:
    """The tolerant way: any row, whatever it holds.

    Raises:
        MalformedPayload: The payload holds no series, or two.
    """
    members = read_pairs(payload)
    rows = _series(members, series_key)
    meta = [pair for found in members.named(_META) if isinstance(found, Pairs) for pair in found]
    return Decoded(symbol=_symbol(meta), rows=frame_of_pairs(rows, name_of), raw=lambda: rows)


def name_of(label: str) -> str:
    """The column of a label: "5. adjusted close" -> "adjusted_close"."""
    return _ORDINAL.sub("", label).strip().lower().replace(" ", "_")


@lru_cache(maxsize=16)
def _decoder(series_key: str, labels: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A decoder of answers: `meta`, and `series`, date -> struct with a double for each label that is a field of a bar.

    Raises:
        ValueError: Two labels have one name.
    """
    names = [name_of(label) for label in labels]
    if len(set(names)) < len(names):
        raise ValueError(labels)
    fields = [f"unknown_{place}" if name not in FIELDS else name for place, name in enumerate(names)]
    bar = msgspec.defstruct(
        "Bar",
        [(field, float if field in FIELDS else msgspec.Raw) for field in fields],
        rename=dict(zip(fields, labels, strict=True)),
        gc=False,
    )
    answer = msgspec.defstruct(
        "Answer",
        [("series", dict[str, bar]), ("meta", dict[str, str], msgspec.field(default_factory=dict))],  # type: ignore[valid-type]
        rename={"series": series_key, "meta": _META},
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(answer, strict=False)


def _raw_rows(payload: bytes, series_key: str) -> Pairs:
    return _series(read_pairs(payload), series_key)


def _series(members: Pairs, series_key: str) -> Pairs:
    found = members.named(series_key)
    if len(found) != 1 or not isinstance(found[0], Pairs):
        raise MalformedPayload(f"The answer holds {len(found) or 'no'} {series_key!r} that can be read.")
    if not found[0]:
        raise MalformedPayload(f"The answer's {series_key!r} is empty.")
    return found[0]


def _symbol(meta: Iterable[tuple[str, object]]) -> str | None:
    return next((value for label, value in meta if name_of(label) == "symbol" and isinstance(value, str)), None)
