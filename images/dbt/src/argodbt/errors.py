"""What can go wrong, and the one place that decides whether another try is worth it.

    DbtError
    ├── Unavailable  75  a passing fault of the warehouse: try again
    ├── TestsFailed  65  the data break a rule
    └── ConfigError  78  the project, the selection or SQL is wrong

The numbers are the exit codes of sysexits.h; Argo's retry expression reads them. Hooks may raise errors of
their own: the command ends with what such an error says of itself (`Told`).
"""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

FAILED = 1


@runtime_checkable
class Told(Protocol):
    """An error that says how a command ends, and what the reader can do."""

    exit_code: int
    message: str
    hint: str


class DbtError(Exception):
    """Base of all errors that are raised on purpose.

    Args:
        message: What is wrong and where.
        hint: What the reader can do about it.
    """

    exit_code = 70  # EX_SOFTWARE: a subclass that forgets its code is a bug of ours

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def settled(self) -> Self:
        """The error with the code of a command that only sums up what others met."""
        self.exit_code = settled(self.exit_code)
        return self


class Unavailable(DbtError):
    """The warehouse can't be reached, is restarting, or broke a deadlock: the same may succeed a minute later."""

    exit_code = 75


class TestsFailed(DbtError):
    """Tests found rows that break a rule, or a model's own constraints did."""

    __test__ = False  # not a test class, whatever pytest thinks of the name
    exit_code = 65


class ConfigError(DbtError):
    """The project, its configuration or what was asked for is wrong."""

    exit_code = 78


RETRIED_EXIT_CODES = (Unavailable.exit_code,)
KILLED_EXIT_CODES = (130, 137, 143)
"""Of a process that a signal ended: SIGINT (and SIGTERM, which `argodbt` turns into it), SIGKILL, SIGTERM.

They say that a container was taken away, not that what it did is wrong.
"""


def settled(exit_code: int) -> int:
    """The code of a command that has written down how others ended: one that would be retried becomes 1.

    Running it again would say the same again, five times over.
    """
    return FAILED if exit_code in (*RETRIED_EXIT_CODES, *KILLED_EXIT_CODES) else exit_code
