"""The name of a bronze object: every fact about the answer is in its key, so none needs a second store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast, get_args

from stocks.errors import ConfigError, DataError
from stocks.universe import check_symbol

Area = Literal["series", "reference", "quarantine"]

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(
    r"(?P<area>[a-z]+)/(?P<symbol>[^/]+)/(?P<endpoint>[^/]+)/(?P<source>[^/]+)/"
    r"(?P<observed_at>[0-9]{8}T[0-9]{6}Z)-(?P<sha256>[0-9a-f]{64})(?P<tail>\.tail)?\.json\.gz"
)
_MOMENT = "%Y%m%dT%H%M%SZ"


SKEW = timedelta(minutes=5)
"""Between the clocks of machines that are kept right."""


@dataclass(frozen=True, kw_only=True)
class ObjectKey:
    """Where an answer lies: its text form is the object's key in the store.

    Keys of one series sort by time, since the moment comes before the hash. Two different answers within
    one second are told apart by the hash.

    Raises:
        ConfigError: A part can't be one of a key; it would also become part of a path.
    """

    area: Area
    """`series` (what silver reads), `reference` (OVERVIEW) or `quarantine` (answers that are neither)."""
    symbol: str
    endpoint: str
    source: str
    observed_at: datetime
    """When the source gave the answer: UTC, whole seconds."""
    sha256: str
    """Of the answer's bytes before compression, lower-case hex."""
    is_tail: bool = False
    """Whether it has the newest bars alone, in place of the whole series."""

    def __post_init__(self) -> None:
        check_symbol(self.symbol)
        if self.area not in get_args(Area):
            raise ConfigError(f"{self.area!r} is not an area of bronze.")
        for part in (self.endpoint, self.source):
            if not _NAME.fullmatch(part):
                raise ConfigError(f"{part!r} can't be part of a bronze key.")
        if self.observed_at.utcoffset() != timedelta(0) or self.observed_at.microsecond:
            raise ConfigError(f"{self.observed_at} is not a moment in UTC and whole seconds.")
        if not _SHA256.fullmatch(self.sha256):
            raise ConfigError(f"{self.sha256!r} is not a SHA-256.")

    def __str__(self) -> str:
        return f"{self.prefix}{self.observed_at:{_MOMENT}}-{self.sha256}{'.tail' if self.is_tail else ''}.json.gz"

    @property
    def prefix(self) -> str:
        """What the keys of all answers to the same question begin with."""
        return f"{self.area}/{self.symbol}/{self.endpoint}/{self.source}/"

    def check_time(self, now: datetime) -> None:
        """An answer behind one from the future would be taken for the older of the two.

        Args:
            now: By the clock that the key's moment may not be ahead of (aware).

        Raises:
            DataError: It is ahead, by more than clocks differ.
        """
        if self.observed_at > now + SKEW:
            raise DataError(
                f"{self.symbol}: bronze holds an answer of {self.observed_at:%Y-%m-%d %H:%M} UTC, still to come: "
                "this machine's clock is wrong, or that of the one that wrote it.",
                hint=f"Set the clock right, or move {self} away; then run `stocks replay`.",
            )

    @classmethod
    def parse(cls, text: str) -> ObjectKey | None:
        """The key of a text form; None where the text is none (a stranger's file in the store)."""
        if not (match := _KEY.fullmatch(text)):
            return None
        facts = match.groupdict()
        try:
            moment = datetime.strptime(facts.pop("observed_at"), _MOMENT).replace(tzinfo=UTC)
            is_tail = facts.pop("tail") is not None
            return cls(area=cast("Area", facts.pop("area")), observed_at=moment, is_tail=is_tail, **facts)
        except (ValueError, ConfigError):
            return None
