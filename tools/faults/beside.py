"""Answers beside the bars of an answer before, by the real load into a warehouse."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta
from typing import NamedTuple

from tools.faults.series import Series, evening

from stocks.bronze import ObjectKey
from stocks.silver import ParsedSeries
from stocks.warehouse.connection import Connection
from stocks.warehouse.load import Load, load


class Verdict(NamedTuple):
    """What became of an answer."""

    rules: list[str]
    """That hold it; the first is the one that `stocks accept` takes."""
    rejects: list[str]
    suspects: list[str]


class Beside:
    """Loads pairs of answers, each as a symbol of its own.

    Args:
        connection: Of a writer, to a warehouse that is at hand for this alone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._symbols = (f"S{number}" for number in itertools.count())

    def held(self, before: Series, then: Series) -> Verdict:
        """What becomes of an answer after another one, which is right and was told twice."""
        symbol = next(self._symbols)
        with self._connection.transaction(force_rollback=True):
            right = before.judged(symbol=symbol)
            for number in (0, 1):
                load(self._connection, _answer(symbol, before, right, number))
            answer = _answer(symbol, then, then.judged(symbol=symbol), 2)
            rules = list[str]()
            while True:
                refused, suspects = self._loaded(answer, rules)
                if not refused:
                    return Verdict(rules, answer.series.rejects["rule"].to_list(), suspects)
                rules.append(refused)

    def _loaded(self, answer: Load, accepted: list[str]) -> tuple[str, list[str]]:
        """By which rule an answer is refused where others were accepted, and what is warned of where it isn't."""
        with self._connection.transaction(force_rollback=True):
            self._connection.cursor().executemany(
                "insert into ops.accepted_fault (bronze_key, rule, symbol, accepted_by) values (%s, %s, %s, 'all')",
                [(str(answer.key), rule, answer.key.symbol) for rule in accepted],
            )
            load(self._connection, answer)
            key = [str(answer.key)]
            refused = self._connection.execute(
                "select rule from ops.bronze_object where bronze_key = %s and status = 'refused'", key
            ).fetchone()
            suspects = self._connection.execute(
                "select rule from silver.suspect_bar where bronze_key = %s order by price_date", key
            )
            return refused[0] if refused else "", [rule for (rule,) in suspects]


def _answer(symbol: str, series: Series, parsed: ParsedSeries, number: int) -> Load:
    key = ObjectKey(
        area="series",
        symbol=symbol,
        endpoint="TIME_SERIES_DAILY_ADJUSTED",
        source="sample",
        observed_at=evening(series.days[-1]) + timedelta(seconds=number),
        sha256=hashlib.sha256(f"{symbol} {number}".encode()).hexdigest(),
    )
    return Load(key, "daily", parsed)
