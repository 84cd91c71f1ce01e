"""Writes the tables of docs/faults.md, or with --check says that they are not current. It takes some minutes.

python -m tools.faults [--check]
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tools.faults.beside import Beside
from tools.faults.series import by_week, clean
from tools.faults.table import SILENT, Line, bases, false_alarms, lines

from stocks.embedded import open_embedded
from stocks.settings import Settings
from stocks.silver.rules import ANSWER_RULES, ROW_RULES, RULES, SUSPECT_RULES
from stocks.warehouse import Role

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
INJECTED = 20
CLEAN = 200


def in_words(found: Counter[str]) -> str:
    """Counts of outcomes, the most frequent first."""
    return ", ".join(
        f"{count} {what.replace(': ', ' `', 1) + '`' * (': ' in what)}" for what, count in found.most_common()
    )


def faults(found: list[Line]) -> Iterator[str]:
    """The table of faults."""
    yield (
        "| Fault | Adjusted closes agree with | Injected | As a first answer | The same by weeks "
        "| Beside the bars told before | `stocks reconcile` with a source that is right |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for line in found:
        why = f" ({line.fault.why_silent})" if line.first[SILENT] and line.fault.why_silent else ""
        name = line.fault.name if line.adjusted != "truth" else ""
        cells = (f"{in_words(line.first)}{why}", in_words(line.weekly), in_words(line.after), in_words(line.second))
        yield f"| {name} | {line.adjusted} | {line.injected} | {' | '.join(cells)} |"


def alarms() -> Iterator[str]:
    """The table of false alarms."""
    yield "| Right series | Series-years | Held | Bars rejected | Bars warned of |"
    yield "| --- | --- | --- | --- | --- |"
    sample = list(bases(5))
    made = [clean(Random(f"clean {number}")) for number in range(CLEAN)]
    by_chance = f"{CLEAN} made by chance, of 25 years"
    for name, series, of_year in (
        ("the sample", sample, 252),
        (by_chance, made, 252),
        ("the sample, by weeks", [by_week(one) for one in sample], 52),
        (f"{by_chance}, by weeks", [by_week(one) for one in made], 52),
    ):
        found = false_alarms(series)
        years = sum(map(len, series)) / of_year
        counts = (
            sum(count for what, count in found.items() if what.startswith(kind)) for kind in ("held", "rej", "warn")
        )
        yield f"| {name} | {years:,.0f} | {' | '.join(map(str, counts))} |"


def rules() -> Iterator[str]:
    """The table of rules that look beyond one row."""
    yield "| Rule | What it does | When |"
    yield "| --- | --- | --- |"
    beyond = {name: meaning for name, meaning in RULES.items() if name not in {rule.name for rule in ROW_RULES}}
    for does, found in (("rejects the bar", beyond), ("holds the series", ANSWER_RULES), ("warns", SUSPECT_RULES)):
        yield from (f"| `{name}` | {does} | {meaning} |" for name, meaning in found.items())


def tables() -> dict[str, str]:
    """Each table by its name in the page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(stocks_state_dir=Path(folder))
        with open_embedded(settings, Role.WRITER) as warehouse, warehouse.connect(Role.WRITER) as connection:
            found = list(lines(Beside(connection), list(bases(INJECTED))))
    made = {"faults": faults(found), "false-alarms": alarms(), "rules": rules()}
    return {name: "\n".join(rows) for name, rows in made.items()}


def placed(text: str, found: dict[str, str]) -> str:
    """A page with tables in their places, `<!-- table: NAME -->` to `<!-- /table -->`."""
    place = re.compile(r"(?<=<!-- table: )([\w-]+)( -->\n).*?(?=<!-- /table -->)", re.DOTALL)
    return place.sub(lambda at: f"{at[1]}{at[2]}{found[at[1]]}\n" if at[1] in found else at[0], text)


def main() -> int:
    """Writes the page, or checks it."""
    text = PAGE.read_text()
    now = placed(text, tables())
    if "--check" in sys.argv[1:]:
        print("docs/faults.md is out of date: run `python -m tools.faults`." * (now != text), end="\n" * (now != text))
        return int(now != text)
    PAGE.write_text(now)
    return 0


if __name__ == "__main__":
    sys.exit(main())
