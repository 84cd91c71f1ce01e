"""What silver makes of each fault, counted: as a first answer, and beside the bars of an answer before."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tools.faults.beside import Beside
from tools.faults.injections import FAULTS, Fault
from tools.faults.series import Series, by_week, clean, from_answer

from stocks.providers.sample.data import FIRST_BARS, Sample
from stocks.silver import ParsedSeries
from stocks.silver.reconcile import Witness, reconcile

SESSIONS = 2_500
_EDGE = 80  # bars before and after a fault
_NEW = 20  # bars that the second answer has and the first had not

SILENT = "nothing"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the table."""

    fault: Fault
    adjusted: str
    """What the adjusted closes agree with: what is `told`, the `truth`, or empty where it makes no difference."""
    injected: int
    first: Counter[str] = field(default_factory=Counter)
    """How often the answer was held, its bar rejected, warned of, by which rule, where it was the first one."""
    weekly: Counter[str] = field(default_factory=Counter)
    """The same where its weekly bars alone are told."""
    after: Counter[str] = field(default_factory=Counter)
    """The same beside an answer that was right, whose last twenty bars were not there yet."""
    second: Counter[str] = field(default_factory=Counter)
    """How often `reconcile` with a second source that is right tells the fault, and who is off."""


def bases(count: int) -> Iterator[Series]:
    """Series to spoil: the sample's, as far as they are asked for, and as many clean ones as are left."""
    for symbol in list(FIRST_BARS)[:count]:
        yield from_answer(Sample(), symbol)
    for number in range(count - len(FIRST_BARS)):
        yield clean(random.Random(f"base {number}"), SESSIONS)


def lines(beside: Beside, series: Sequence[Series], faults: Sequence[Fault] = FAULTS) -> Iterator[Line]:
    """Injects each fault into each of the series, at a place by chance."""
    for fault in faults:
        for adjusted in ("told", "truth") if fault.has_two_ways else ("",):
            line = Line(fault=fault, adjusted=adjusted, injected=len(series))
            for number, one in enumerate(series):
                chance = random.Random(f"{fault.name} {number}")
                right, wrong = fault.spoil(one, chance.randint(_EDGE, len(one) - _EDGE), chance)
                if adjusted == "truth":
                    wrong = replace(wrong, adjusted=right.adjusted)
                parsed = wrong.judged()
                line.first[_alone(parsed)] += 1
                line.weekly[_alone(by_week(wrong).judged())] += 1
                line.second[blamed(right.judged(), parsed)] += 1
                line.after[outcome(*beside.held(right.until(len(right) - _NEW), wrong))] += 1
            yield line


def _alone(parsed: ParsedSeries) -> str:
    return outcome(list(parsed.faults), parsed.rejects["rule"].to_list(), parsed.suspects["rule"].to_list())


def outcome(rules: Sequence[str], rejects: Sequence[str], suspects: Sequence[str]) -> str:
    """The gravest thing that happened to an answer."""
    for what, found in (("held", rules), ("rejected", rejects), ("warned", suspects)):
        if found:
            return f"{what}: {found[0]}"
    return SILENT


def blamed(right: ParsedSeries, wrong: ParsedSeries) -> str:
    """What two sources beside each other tell, one of them right."""
    one, other = (Witness(source=name, bars=parsed.bars) for name, parsed in (("right", right), ("wrong", wrong)))
    off = Counter(told.off for told in reconcile(one, other))
    if not off:
        return SILENT
    if off["right"]:
        return "told, and the right one blamed" + " too" * bool(off["wrong"])
    return "told, and who is off" if off["wrong"] else "told"


def false_alarms(series: Sequence[Series]) -> Counter[str]:
    """What is said of series that are right: holds by series, rejects and warnings by bar."""
    found: Counter[str] = Counter()
    for one in series:
        parsed = one.judged()
        found.update(f"held: {rule}" for rule in parsed.faults)
        found.update(f"rejected: {rule}" for rule in parsed.rejects["rule"])
        found.update(f"warned: {rule}" for rule in parsed.suspects["rule"])
    return found
