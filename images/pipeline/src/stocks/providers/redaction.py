"""Keeps the API key out of everything that is stored or shown.

The key can travel only in the query string, so URLs carry it, and the provider echoes it in some answers.
"""

from __future__ import annotations

import json
import logging
from urllib.parse import quote, quote_plus

REDACTED = "<redacted>"


class Redaction:
    """Replaces a secret, in every form in which it can turn up. Usable as a filter of loggers and handlers.

    Args:
        secret: The secret; nothing is replaced where it is empty.
    """

    def __init__(self, secret: str) -> None:
        forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]} - {""}
        # The longest first: a form may be a part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    def body(self, body: bytes) -> bytes:
        """The bytes without the secret."""
        for form in self._forms:
            body = body.replace(form.encode(), REDACTED.encode())
        return body

    def text(self, text: str) -> str:
        """The text without the secret."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Takes the secret out of a log record; lets every record pass."""
        message = record.getMessage()
        clean = self.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True
