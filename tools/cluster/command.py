"""Runs other programs; a failure ends `make up` with what the program said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence


class Failed(Exception):
    """Something that a person has to mend; the message says what, and how."""


def run(arguments: Sequence[str], *, text: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Runs a program to its end; gives its standard output.

    Args:
        arguments: The program and its arguments.
        text: Standard input.
        environment: All its variables; this process's where None.

    Raises:
        Failed: It did not end well.
    """
    ended = subprocess.run(arguments, input=text, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        told = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-15:]
        shown = " ".join(arguments[:6]) + (" …" if len(arguments) > 6 else "")
        raise Failed(f"{shown} ended with {ended.returncode}:\n  " + "\n  ".join(told))
    return ended.stdout


def succeeds(arguments: Sequence[str]) -> bool:
    """Whether a program ends well."""
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0


def need(programs: Sequence[str]) -> None:
    """Makes sure that programs are there.

    Raises:
        Failed: Some are missing.
    """
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise Failed(f"Not on the PATH: {', '.join(missing)}. See docs/cluster.md for where they come from.")
