"""JSON read with nothing lost, and written so that PostgreSQL's jsonb takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stocks.errors import MalformedPayload

_QUOTE, _OBJECT, _CLOSING = ord('"'), ord("{"), b"}]"
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_PIECE = 2**20  # bytes that are in memory a second time


class Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in their order, those with the same name too."""

    def named(self, name: str) -> list[Any]:
        """The values of all members of a name."""
        return [value for key, value in self if key == name]


def read(payload: bytes) -> Any:
    """A JSON value, its objects as Pairs. Numbers stay the text that they are.

    Raises:
        MalformedPayload: The bytes are no JSON.
    """
    try:
        return json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=Pairs,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("The answer is not JSON.", body=payload) from error


def read_pairs(payload: bytes) -> Pairs:
    """A JSON object, its inner ones included, as pairs.

    Raises:
        MalformedPayload: The bytes are no JSON object.
    """
    found = read(payload)
    if not isinstance(found, Pairs):
        raise MalformedPayload("The answer is JSON, but no object.", body=payload)
    return found


def shape(payload: bytes, *, deepest: int, most: int) -> tuple[int, int]:
    """How deep a text's objects and lists are nested, and how many objects it holds, told before it is decoded.

    Args:
        payload: JSON, or what should be.
        deepest: Counting ends where it is deeper.
        most: Counting ends where there are more objects.
    """
    depth = found = objects = 0
    is_text = False
    for piece in _pieces(payload):
        # What is left of most texts is a bracket a row: escapes, and then all strings without a bracket are gone.
        bare = piece.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in piece else piece
        for byte in bare.translate(None, _NO_BRACKETS).replace(b'""', b""):
            if byte == _QUOTE:
                is_text = not is_text
            elif is_text:
                continue
            elif byte in _CLOSING:
                depth -= 1
            else:
                depth += 1
                objects += byte == _OBJECT
                found = max(found, depth)
                if found > deepest or objects > most:
                    return found, objects
    return found, objects


def _pieces(payload: bytes) -> Iterator[bytes]:
    """The text in parts, none of which ends within an escape."""
    at = 0
    while at < len(payload):
        piece = payload[at : at + _PIECE]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2 and at + len(piece) < len(payload):
            piece = piece[:-1]
        yield piece
        at += len(piece)


def storable(text: str) -> str:
    """The text with U+FFFD for NUL, which PostgreSQL doesn't store, and "?" for half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def write(value: object) -> str:
    """JSON text of what `read` gave. A number becomes a string: jsonb refuses NaN and 1e999999."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{write(name)}: {write(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write(inner) for inner in value) + "]"
    return json.dumps(storable(value) if isinstance(value, str) else value, ensure_ascii=False)
