"""The command `stocks`."""

from stocks.cli.app import main

__all__ = ["main"]
