"""Rows are printed as they come: of millions, no more than a few are in memory."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator

import pytest

from stocks.cli.rows import Format, print_rows


class Text(str):
    """One that can be told to be gone, as a plain text can't."""


def rows(count: int) -> Iterator[tuple[int, Text]]:
    held = weakref.WeakSet[Text]()
    for number in range(count):
        held.add(text := Text(f"text {number}"))
        yield number, text
        del text
        assert len(held) < 10


@pytest.mark.parametrize(("form", "lines"), [(Format.CSV, 5_001), (Format.JSON, 1)])
def test_no_more_rows_are_kept_than_are_being_written(
    form: Format, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_rows(["n", "t"], rows(5_000), form)
    printed = capsys.readouterr().out
    assert printed.count("\n") == lines
    assert printed.count("text") == 5_000


def test_of_rows_without_end_a_table_takes_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    endless = itertools.count()
    print_rows(["n"], ((n,) for n in endless), Format.TABLE)
    assert capsys.readouterr().out.splitlines()[-1] == "(the first 10,000 rows; --format csv gives all)"
    assert next(endless) == 10_001
