"""Every error of the pipeline, and the one place that decides whether it is worth another try.

    StocksError
    ├── TransientError          75  a passing fault: try again
    │   ├── ProviderUnavailable     network, time-out, 5xx, cut-off body
    │   ├── Throttled               the provider's per-second or per-minute limit
    │   ├── StoreUnavailable        the object store can't be reached
    │   ├── WarehouseUnavailable    PostgreSQL is down or restarting, or is about to be migrated
    │   └── ClusterUnavailable      the Kubernetes API can't be reached
    └── TerminalError               trying again changes nothing
        ├── DataError           65  the data are wrong
        │   ├── UnknownSymbol       the provider does not know the symbol
        │   ├── MalformedPayload    an answer that holds no usable series
        │   ├── CorruptObject       a bronze object whose bytes don't match its checksum
        │   └── TestsFailed         gold's tests found wrong rows
        ├── QuotaSpent          69  the provider's quota of an hour, a day or a month: a later run goes on
        └── ConfigError         78  the configuration is wrong
            ├── KeyRejected         API key missing or invalid
            └── NotEntitled         the plan does not include the endpoint

The numbers are the exit codes of sysexits.h; Argo's retry expression reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

OK = 0
FAILED = 1
INTERRUPTED = 130


class StocksError(Exception):
    """Base of all errors that the pipeline raises on purpose.

    Args:
        message: What is wrong and where, in one sentence.
        hint: What the reader can do about it.
        body: The provider's answer behind the error, its API key redacted, for quarantine.
    """

    exit_code = 70  # EX_SOFTWARE: a subclass that forgets its code is a bug of ours

    def __init__(self, message: str, *, hint: str = "", body: bytes | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.body = body

    @property
    def kind(self) -> str:
        """What happened in two words, from the class's name: `unknown symbol`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__).lower()

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class TransientError(StocksError):
    """A passing fault; the same step may succeed when it is run again."""

    exit_code = 75

    def __init__(self, message: str, *, hint: str = "", body: bytes | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint, body=body)
        self.retry_after = retry_after
        """Seconds to wait at least before the next try."""


class ProviderUnavailable(TransientError):
    """The provider can't be reached, took too long, answered 5xx, or its answer broke off."""


class Throttled(TransientError):
    """Too many requests within a second or a minute."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        body: bytes | None = None,
        retry_after: float = 0.0,
        or_spent: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, body=body, retry_after=retry_after)
        self.or_spent = or_spent
        """Whether it means that the day's quota is spent where every try meets it."""


class StoreUnavailable(TransientError):
    """The object store can't be reached or answered 5xx."""


class WarehouseUnavailable(TransientError):
    """PostgreSQL can't be reached, is starting, or is shutting down."""


class ClusterUnavailable(TransientError):
    """The Kubernetes API can't be reached or is too busy."""


class TerminalError(StocksError):
    """Running the same step again gives the same error."""


class DataError(TerminalError):
    """The data are wrong."""

    exit_code = 65


class UnknownSymbol(DataError):
    """The provider has no data for the symbol."""


class MalformedPayload(DataError):
    """An answer that is neither a series nor an error that the provider documents."""


class CorruptObject(DataError):
    """A bronze object whose bytes don't have the checksum in its key."""


class TestsFailed(DataError):
    """dbt's tests found rows that break a rule; the last good gold stays in place."""

    __test__ = False  # not a test class, whatever pytest thinks of the name


class QuotaSpent(TerminalError):
    """The provider's quota is spent: of requests in an hour or a day, or of different symbols in a month."""

    exit_code = 69

    def __init__(self, message: str, *, hint: str = "", body: bytes | None = None, period: str = "day") -> None:
        super().__init__(message, hint=hint, body=body)
        self.period = period
        """`hour`, `day` or `month`; symbols that were asked for earlier in a month may be asked for again."""


class ConfigError(TerminalError):
    """The configuration is wrong."""

    exit_code = 78


class KeyRejected(ConfigError):
    """The API key is missing or the provider does not accept it."""


class NotEntitled(ConfigError):
    """The provider's plan for this key does not include the endpoint or the parameter."""


RETRIED_EXIT_CODES = (TransientError.exit_code,)
KILLED_EXIT_CODES = (INTERRUPTED, 137, 143)
"""Of a process that a signal ended: SIGINT (and SIGTERM, which `stocks` turns into it), SIGKILL, SIGTERM.

They say that a container was taken away, not that the step is wrong.
"""

# What to tell the caller where steps failed in several ways: a passing fault first (a retry may mend
# it), then what stops every ticker, then what is wrong with some.
_PRECEDENCE = (TransientError.exit_code, ConfigError.exit_code, QuotaSpent.exit_code, DataError.exit_code)


def exit_code_of(errors: Iterable[StocksError]) -> int:
    """The exit code that sums up several errors; 0 where there are none."""
    return sum_of_codes(error.exit_code for error in errors)


def code_of(error: BaseException) -> int:
    """The exit code of whatever ended a step: 130 where it was interrupted, 70 where code of ours crashed."""
    if isinstance(error, StocksError):
        return error.exit_code
    return StocksError.exit_code if isinstance(error, Exception) else INTERRUPTED


def sum_of_codes(exit_codes: Iterable[int]) -> int:
    """The exit code that sums up those of several steps; 0 where there are none."""
    codes = set(exit_codes)
    return next((code for code in _PRECEDENCE if code in codes), max(codes, default=OK))


def settled(exit_code: int) -> int:
    """The code of a step that has written down how others ended: one that would be retried becomes 1.

    Running it again would say the same again, five times over.
    """
    return FAILED if exit_code in (*RETRIED_EXIT_CODES, *KILLED_EXIT_CODES) else exit_code
