"""docs/faults.md and docs/held-series.md say what the rules do: a part of the tables is counted again."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest
from tools.faults.__main__ import PAGE, placed, rules
from tools.faults.beside import Beside
from tools.faults.injections import FAULTS
from tools.faults.series import by_week, clean
from tools.faults.table import SILENT, Line, bases, false_alarms, lines

from stocks.silver.rules import ACCEPTABLE, ANSWER_RULES
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.migrate import migrate

HELD = Path(__file__).parents[2] / "docs" / "held-series.md"


@pytest.fixture(scope="module")
def counted(new_database: Callable[[], AbstractContextManager[Warehouse]]) -> list[Line]:
    """Every fault in the shortest of the sample's series."""
    with new_database() as own:
        migrate(own)
        with own.connect(Role.WRITER) as connection:
            return list(lines(Beside(connection), list(bases(2))[1:]))


def test_no_fault_passes_in_silence(counted: list[Line]) -> None:
    assert {line.fault for line in counted} == set(FAULTS)
    for line in counted:
        assert line.fault.why_silent or not line.first[SILENT], line.fault.name
        assert not line.after[SILENT], line.fault.name
        assert not line.second[SILENT], line.fault.name
        assert not any("right one blamed" in told for told in line.second), line.fault.name


def test_the_page_tells_of_every_fault_what_is_counted(counted: list[Line]) -> None:
    page = PAGE.read_text()
    rows = dict.fromkeys(line.fault.name for line in counted)
    assert re.findall(r"^\| ([^|`]+) \| (?:told)? \|", page, re.MULTILINE) == list(rows)
    for line in counted:
        [told] = re.findall(rf"^\| {re.escape(line.fault.name)} \|.*(?:\n\|  \| truth.*)?", page, re.MULTILINE)
        for what in (*line.first, *line.weekly, *line.after, *line.second):
            assert what.split(": ")[-1] in told, line.fault.name


def test_the_pages_rules_are_the_codes() -> None:
    page = PAGE.read_text()
    assert placed(page, {"rules": "\n".join(rules())}) == page


def test_the_page_of_held_series_has_every_rule_and_whether_it_can_be_accepted() -> None:
    told = re.findall(r"^\| `(\w+)` \|.*\| (yes|no)\b[^|]*\|$", HELD.read_text(), re.MULTILINE)
    assert told == [(rule, "yes" if rule in ACCEPTABLE else "no") for rule in ANSWER_RULES]


def test_right_series_raise_no_alarm() -> None:
    right = [clean(Random(f"clean {number}")) for number in range(10)]
    assert false_alarms(right) == {}
    # A stock dividend is told by no week; its ratio is found.
    assert set(false_alarms([by_week(one) for one in right])) <= {"warned: untold_spin_off"}
