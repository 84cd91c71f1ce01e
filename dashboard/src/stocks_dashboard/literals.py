"""Parameters of a query, checked by type and written as SQL literals.

ConnectorX has no bind parameters: this module is the one place where a value becomes SQL, and it takes only types
of which it knows how to write every value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date

_SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9.=-]{0,19}", re.ASCII)
_PLACE = re.compile(r"\$\{(\w+)\}")

Value = str | int | float | date | Sequence[str]


class Symbol(str):
    """A ticker symbol as the provider writes it.

    Raises:
        ValueError: The text can't be one.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Symbol:
        """Checks the text."""
        if not _SYMBOL.fullmatch(text):
            raise ValueError(f"{text!r} is no symbol")
        return super().__new__(cls, text)


def render(statement: str, parameters: Mapping[str, Value]) -> str:
    """A statement with each `${name}` replaced by its parameter as a literal.

    Raises:
        KeyError: A place has no parameter.
        ValueError: A parameter has no place, or a value that SQL can't hold.
        TypeError: A parameter's type isn't among those that can be written.
    """
    places = set(_PLACE.findall(statement))
    if left_over := parameters.keys() - places:
        raise ValueError(f"the statement has no place for {', '.join(sorted(left_over))}")
    # One pass: what a parameter holds is never looked at again.
    return _PLACE.sub(lambda place: literal(parameters[place[1]]), statement)


def literal(value: Value) -> str:
    """A value as SQL.

    Raises:
        ValueError: SQL can't hold it: a NUL in a text, a number that isn't finite.
        TypeError: Its type isn't among those that can be written.
    """
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return f"({value})"
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not finite")
        return f"({value!r}::double precision)"
    if type(value) is date:
        return f"date '{value.isoformat()}'"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"array[{', '.join(_quoted(each) for each in value)}]::text[]"
    raise TypeError(f"{type(value).__name__} can't be a parameter")


def _quoted(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} can't be a text")
    if "\0" in text:
        raise ValueError("a text can't hold NUL")
    text.encode()  # a lone surrogate has no UTF-8
    # An escape string means the same whatever standard_conforming_strings says.
    escaped = str(text).replace("\\", "\\\\").replace("'", "''")
    return f"e'{escaped}'" if "\\" in text else f"'{escaped}'"
