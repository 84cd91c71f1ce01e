"""JSON read with nothing lost, and written so that PostgreSQL's jsonb takes it."""

from __future__ import annotations

import json
from typing import Any

from stocks.errors import MalformedPayload

_QUOTE, _OBJECT, _CLOSING = ord('"'), ord("{"), b"}]"
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))


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

    Takes no more memory than the text itself, whatever that is.

    Args:
        payload: JSON, or what should be.
        deepest: Counting ends where it is deeper.
        most: Counting ends where there are more objects.
    """
    # What is left of most texts is a bracket a row: escapes, and then all strings without a bracket are gone.
    bare = payload.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in payload else payload
    bare = bare.translate(None, _NO_BRACKETS).replace(b'""', b"")
    depth = found = objects = 0
    is_text = False
    for byte in bare:
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
                break
    return found, objects


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
