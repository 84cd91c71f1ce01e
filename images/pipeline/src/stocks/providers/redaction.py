"""Keeps the API key out of everything that is stored or shown.

The key can travel only in the query string, so URLs carry it, and the provider echoes it in some answers.
"""

from __future__ import annotations

import logging
import re

REDACTED = "<redacted>"

_PADDING = "\0{0,3}"  # between the characters of UTF-16 and UTF-32
_DEPTH = 8  # escapes within escapes; without a bound, a text of backslashes would take for ever
_MARKS = (b"\\", b"%", b"\0")  # one is in every form but a character itself, and "+" for a space


class Redaction:
    """Replaces a secret, in every form in which it can turn up. Usable as a filter of loggers and handlers.

    Each of its characters may stand there as itself, as JSON's escape or in percent, the next in another way.

    Args:
        secret: The secret; nothing is replaced where it is empty.
    """

    def __init__(self, secret: str) -> None:
        pattern = _PADDING.join(map(_forms, secret)) or r"(?!)"
        self._secret = secret
        self._text = re.compile(pattern)
        self._body = re.compile(pattern.encode())

    def body(self, body: bytes) -> bytes:
        """The bytes without the secret, whichever of UTF-8, -16 and -32 they are."""
        # Most answers have no character in any form but itself; to look for that alone takes a hundredth of the time.
        if self._secret and " " not in self._secret and not any(mark in body for mark in _MARKS):
            return body.replace(self._secret.encode(), REDACTED.encode())
        return self._body.sub(REDACTED.encode(), body)

    def text(self, text: str) -> str:
        """The text without the secret."""
        return self._text.sub(REDACTED, text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Takes the secret out of a log record; lets every record pass."""
        message = record.getMessage()
        clean = self.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


def _forms(character: str) -> str:
    """The pattern of a character in every form."""
    backslash = rf"(?:\\{_PADDING}){{1,{_DEPTH}}}"
    percent = f"%(?:{_PADDING}2{_PADDING}5){{0,{_DEPTH}}}"
    forms = [
        re.escape(character),
        backslash + _spread(f"u{ord(character):04x}"),
        "".join(percent + _PADDING + _spread(f"{byte:02x}") for byte in character.encode()),
    ]
    if character == " ":
        forms.append(re.escape("+"))
    elif not character.isalnum():
        forms.append(backslash + re.escape(character))
    return f"(?:{'|'.join(forms)})"


def _spread(escape: str) -> str:
    """The pattern of an escape, its hexadecimal digits of either case."""
    return _PADDING.join(f"[{digit}{digit.upper()}]" if digit in "abcdef" else digit for digit in escape)
