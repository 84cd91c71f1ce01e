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
        """What becomes of an answer after another one, which is right."""
        symbol = next(self._symbols)
        with self._connection.transaction(force_rollback=True):
            load(self._connection, _answer(symbol, before, before.judged(symbol=symbol), 0))
            parsed = then.judged(symbol=symbol)
            rules = list[str]()
            # Every rule is accepted in turn, so that the next one shows.
            for again in itertools.count(1):
                answer = _answer(symbol, then, parsed, again)
                self._connection.cursor().executemany(
                    "insert into ops.accepted_fault (bronze_key, rule, symbol, accepted_by) values (%s, %s, %s, 'all')",
                    [(str(answer.key), rule, symbol) for rule in rules],
                )
                load(self._connection, answer)
                found = self._connection.execute(
                    "select rule from ops.bronze_object where bronze_key = %s", [str(answer.key)]
                ).fetchone()
                if found is None or not found[0]:
                    break
                rules.append(found[0])
            suspects = self._connection.execute(
                "select rule from silver.suspect_bar where bronze_key = %s order by price_date", [str(answer.key)]
            )
            return Verdict(rules, parsed.rejects["rule"].to_list(), [rule for (rule,) in suspects])


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
