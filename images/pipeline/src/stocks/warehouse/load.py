"""Bars into silver: read beside what is held, and only what differs is written, in one transaction with its log.

The newest answer is the series: a bar that it no longer has is withdrawn, and of an older one nothing is taken. So a
series never holds bars of two bases. What contradicts the bars held must have as many witnesses as they have. A load
that is killed leaves nothing behind; one that is repeated changes nothing.

Answers for many series are loaded together, by the same few statements as one alone. Writers wait for each other only
where they load the same symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from itertools import groupby
from typing import Any, LiteralString, NamedTuple

import polars as pl
import psycopg
from psycopg import sql

from stocks.bronze import ObjectKey
from stocks.errors import DataError
from stocks.outcome import LoadCounts
from stocks.silver import ParsedSeries
from stocks.silver.held import HELD, Compared, beside, compare
from stocks.silver.rules import DUPLICATE_WEEK, SERIES_REWRITTEN, WITHIN
from stocks.warehouse.bars import BARS, copy_bars, delete_bars, held_bars
from stocks.warehouse.connection import Connection
from stocks.warehouse.witnesses import forget, weigh


class Load(NamedTuple):
    """A bronze object and what became of it when it was parsed."""

    key: ObjectKey
    interval: str
    series: ParsedSeries

    @property
    def of(self) -> tuple[str, str, str]:
        """Symbol, interval and source of the series."""
        return self.key.symbol, self.interval, self.key.source

    @property
    def rejected(self) -> list[str]:
        """Dates, as received, that the answer has, but in rows that break a rule."""
        return self.series.rejects.filter(pl.col("rule") != DUPLICATE_WEEK)["price_date"].to_list()

    @property
    def first(self) -> date:
        """The first day that the answer speaks of: of a whole one, of all."""
        return self.series.bars["price_date"][0] if self.key.is_tail else date.min


class Company(NamedTuple):
    """A bronze object and the attributes that it tells of a company, by column of silver.company."""

    key: ObjectKey
    attributes: dict[str, str | None]
    refused: str = ""
    """Why it tells none."""


@dataclass(kw_only=True)
class _Work:
    """An answer on its way into silver, and what became of it."""

    one: Load
    series_id: int | None = None
    """None: silver has no bars of the series."""
    accepted: frozenset[str] = frozenset()
    """The rules that a person lets it break."""
    newer: datetime | None = None
    """Of an answer that was given later, and loaded before."""
    status: str = "loaded"
    rule: str = ""
    message: str = ""
    witnesses: int = 1
    counts: LoadCounts = field(default_factory=LoadCounts)
    changed_from: date | None = None
    suspects: list[tuple[date, str, str]] = field(default_factory=list)
    restatement: tuple[int, int, date, date, float] | None = None
    """Final bars that have other values now or are withdrawn, those withdrawn, first and last day, largest factor."""

    def leave_out(self) -> None:
        """Nothing is taken of a tail that does not go on with what is held, or of which there is something to say."""
        self.status, self.message = (
            "superseded",
            "It does not just go on with what is held: the whole series is asked for.",
        )


_STATE: LiteralString = """
select
    asked.place,
    exists (select from ops.bronze_object where bronze_key = asked.bronze_key),
    (
        select series_id from silver.series
        where symbol = asked.symbol and interval = asked.interval and source = asked.source
    ),
    array(select rule from ops.accepted_fault where bronze_key = asked.bronze_key),
    (
        select max(observed_at) from ops.bronze_object
        where symbol = asked.symbol and interval = asked.interval and source = asked.source
          and status = 'loaded' and observed_at > asked.observed_at
    )
from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) with ordinality
    as asked (bronze_key, symbol, interval, source, observed_at, place)
order by place
"""

# Loads are numbered in the order of their answers.
_RECORD: LiteralString = """
insert into ops.bronze_object (
    bronze_key, symbol, interval, source, endpoint, observed_at, status, rule, message, witnesses, changed_from,
    bars_inserted, bars_restated, bars_replaced, bars_unchanged, bars_withdrawn, bars_rejected
)
select
    bronze_key, symbol, interval, source, endpoint, observed_at, status, rule, message, witnesses, changed_from,
    inserted, restated, replaced, unchanged, withdrawn, rejected
from unnest(
    %(bronze_key)s::text[], %(symbol)s::text[], %(interval)s::text[], %(source)s::text[], %(endpoint)s::text[],
    %(observed_at)s::timestamptz[], %(status)s::text[], %(rule)s::text[], %(message)s::text[], %(witnesses)s::integer[],
    %(changed_from)s::date[], %(inserted)s::integer[], %(restated)s::integer[], %(replaced)s::integer[],
    %(unchanged)s::integer[], %(withdrawn)s::integer[], %(rejected)s::integer[]
) with ordinality as told (
    bronze_key, symbol, interval, source, endpoint, observed_at, status, rule, message, witnesses, changed_from,
    inserted, restated, replaced, unchanged, withdrawn, rejected, place
)
order by place
returning bronze_key, load_id
"""

_SERIES: LiteralString = """
insert into silver.series (symbol, interval, source)
select * from unnest(%s::text[], %s::text[], %s::text[])
returning symbol, interval, source, series_id
"""

_RESTATEMENT: LiteralString = """
insert into silver.restatement (
    symbol, interval, source, observed_at, bars_changed, bars_withdrawn, first_date, last_date, largest_factor,
    bronze_key
)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

_REJECT: LiteralString = """
insert into silver.rejected_bar (bronze_key, symbol, interval, source, price_date, rule, reason, raw, observed_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

_SUSPECT: LiteralString = """
insert into silver.suspect_bar (bronze_key, symbol, interval, source, price_date, rule, reason, observed_at)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""

_FORGET: tuple[LiteralString, ...] = (
    "delete from silver.bar where series_id in (select series_id from silver.series where symbol = any(%s))",
    "delete from silver.series where symbol = any(%s)",
    "delete from silver.rejected_bar where symbol = any(%s)",
    "delete from silver.suspect_bar where symbol = any(%s)",
    "delete from silver.contested_bar where symbol = any(%s)",
    "delete from silver.restatement where symbol = any(%s)",
    "delete from ops.bronze_object where symbol = any(%s) and interval is not null",
)

_ANALYZED: LiteralString = """
select coalesce(n_mod_since_analyze > %s * n_live_tup, true)
from pg_stat_user_tables where relid = 'silver.bar'::regclass
"""
_MUCH = 0.1  # of the bars

# What happens to a bar; the first five are counted under these names.
_INSERTED, _RESTATED, _REPLACED, _WITHDRAWN, _UNCHANGED = _COUNTED = (
    "inserted",
    "restated",
    "replaced",
    "withdrawn",
    "unchanged",
)
_WRITTEN = (_INSERTED, _RESTATED, _REPLACED, _WITHDRAWN)
_LEFT = "left"  # though the answer lacks it


def pending(connection: Connection, keys: Iterable[ObjectKey]) -> list[ObjectKey]:
    """Those of the keys that have not been normalized yet, in their order."""
    keys = list(keys)
    known = connection.execute(
        "select bronze_key from ops.bronze_object where bronze_key = any(%s)", [[str(key) for key in keys]]
    )
    done = {row[0] for row in known}
    return [key for key in keys if str(key) not in done]


class Refusal(NamedTuple):
    """Why an answer was not applied."""

    bronze_key: str
    source: str
    interval: str | None
    """Of the bars; None where it told of the company."""
    rule: str
    """One of `rules.ANSWER_RULES`; empty for a company's attributes."""
    why: str


def refusals(connection: Connection, symbols: Sequence[str]) -> dict[str, list[Refusal]]:
    """Of symbols' series and companies, by source: those whose latest answer was refused as a whole."""
    rows = connection.execute(
        """
        select symbol, bronze_key, source, interval, rule, message
        from (
            select distinct on (symbol, source, interval) *
            from ops.bronze_object
            where symbol = any(%s)
            order by symbol, source, interval, observed_at desc, load_id desc
        ) as latest
        where status = 'refused'
        order by symbol, source, interval
        """,
        [list(symbols)],
    ).fetchall()
    return {symbol: [Refusal(*row[1:]) for row in found] for symbol, found in groupby(rows, key=lambda row: row[0])}


def load(connection: Connection, *loads: Load) -> LoadCounts:
    """Loads parsed objects in their order, all of them or none. One that was loaded before is passed over."""
    with connection.transaction():
        return _sum(_load(connection, loads).values())


def load_apart(connection: Connection, loads: Sequence[Load]) -> dict[str, LoadCounts | DataError]:
    """Loads parsed objects of many symbols together; where that fails, each symbol's apart.

    Returns:
        By symbol what changed, or why its objects can't be loaded: then none of them was.
    """
    try:
        with connection.transaction():
            return {**_load(connection, loads)}
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        by_symbol: dict[str, list[Load]] = {}
        for one in loads:
            by_symbol.setdefault(one.key.symbol, []).append(one)
        if len(by_symbol) == 1:
            why = str(error).splitlines()[0]
            return dict.fromkeys(by_symbol, DataError(f"Silver can't take what was told: {why}."))
    return {symbol: ended for own in by_symbol.values() for symbol, ended in load_apart(connection, own).items()}


def reload(connection: Connection, symbols: Sequence[str], rounds: Iterable[Sequence[Load]]) -> dict[str, LoadCounts]:
    """Replaces all that silver holds of some symbols' series by what objects give, in one transaction.

    Args:
        connection: Of a writer.
        symbols: Whose series.
        rounds: Objects that are loaded together; each round is asked for when the one before it is loaded.

    Returns:
        What changed, by symbol.
    """
    with connection.transaction():
        lock_symbols(connection, symbols)
        for forget_all in _FORGET:
            connection.execute(forget_all, [list(symbols)])
        total = {symbol: LoadCounts() for symbol in symbols}
        for round_ in rounds:
            for symbol, counts in _load(connection, round_).items():
                total[symbol].add(counts)
    return total


def load_company(connection: Connection, one: Company) -> None:
    """Writes the attributes of an OVERVIEW answer, beside those of others."""
    key = one.key
    values = {**one.attributes, "observed_at": key.observed_at, "bronze_key": str(key)}
    statement = sql.SQL(
        """
        insert into silver.company (symbol, {columns}) values (%(symbol)s, {values})
        on conflict (symbol, observed_at) do update set ({columns}) = row ({excluded})
        """
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(map(sql.Placeholder, values)),
        excluded=sql.SQL(", ").join(sql.Identifier("excluded", column) for column in values),
    )
    with connection.transaction():
        lock_symbols(connection, [key.symbol])
        if not pending(connection, [key]):
            return
        if not one.refused:
            connection.execute(statement, {**values, "symbol": key.symbol})
        connection.execute(
            """
            insert into ops.bronze_object (bronze_key, symbol, source, endpoint, observed_at, status, message)
            values (%s, %s, %s, %s, %s, %s, %s)
            """,
            [
                str(key),
                key.symbol,
                key.source,
                key.endpoint,
                key.observed_at,
                "refused" if one.refused else "loaded",
                one.refused,
            ],
        )


def forget_company(connection: Connection, symbol: str) -> None:
    """Removes a symbol's attributes, so that OVERVIEW answers can be loaded again."""
    lock_symbols(connection, [symbol])
    connection.execute("delete from silver.company where symbol = %s", [symbol])
    connection.execute("delete from ops.bronze_object where symbol = %s and interval is null", [symbol])


def analyze(connection: Connection) -> None:
    """Tells the planner what silver looks like now, where much of it changed; gold would else be planned for before."""
    # The server counts what a session writes up to a second later: the next run would find it much, and do it again.
    connection.execute("select pg_stat_force_next_flush()")
    if connection.execute(_ANALYZED, [_MUCH]).fetchone() != (False,):
        connection.execute("analyze silver.series, silver.bar, ops.bronze_object")


def lock_symbols(connection: Connection, symbols: Iterable[str]) -> None:
    """Until the transaction ends, no other process loads these symbols. All take their locks in one order."""
    connection.execute(
        """
        select pg_advisory_xact_lock(key)
        from (select distinct hashtextextended('silver.' || symbol, 0) as key from unnest(%s::text[]) as symbol) as keys
        order by key
        """,
        [list(symbols)],
    )


def _sum(counts: Iterable[LoadCounts]) -> LoadCounts:
    total = LoadCounts()
    for one in counts:
        total.add(one)
    return total


def _load(connection: Connection, loads: Sequence[Load]) -> dict[str, LoadCounts]:
    """Loads objects within a transaction; gives what changed by symbol."""
    total = {one.key.symbol: LoadCounts() for one in loads}
    lock_symbols(connection, total)
    for round_ in _rounds(loads):
        for work in _load_round(connection, round_):
            total[work.one.key.symbol].add(work.counts)
    return total


def _rounds(loads: Sequence[Load]) -> Iterator[list[Load]]:
    """The objects in rounds in which each series is met once, those of a series in their order."""
    waiting = list(loads)
    while waiting:
        now, later, seen = list[Load](), list[Load](), set[tuple[str, str, str]]()
        for one in waiting:
            (later if one.of in seen else now).append(one)
            seen.add(one.of)
        yield now
        waiting = later


def _load_round(connection: Connection, loads: Sequence[Load]) -> list[_Work]:
    """Loads an object each of some series, whose symbols are locked; gives those that had not been loaded before."""
    works = _state(connection, loads)
    taken = []
    for work in works:
        work.counts.rejected = len(work.one.series.rejects)
        if work.one.key.is_tail and (work.series_id is None or not work.one.series.is_clean):
            work.leave_out()
        elif faults := _not_accepted(work.one.series.faults, work.accepted):
            work.status, work.rule, work.message = "refused", next(iter(faults)), " ".join(faults.values())
        elif work.newer:
            # Its bars may be of another basis than the newer one's: nothing is taken of it.
            work.status = "superseded"
            work.message = f"The answer of {work.newer:%Y-%m-%d %H:%M} UTC is newer, and was loaded before."
        else:
            taken.append(work)
    if taken:
        _write(connection, taken, _changes(connection, taken))
        forget(connection, [(work.one.key, work.one.interval) for work in taken if work.status == "loaded"])
    if left := [work for work in works if work not in taken]:
        _record(connection, left)
    return works


def _state(connection: Connection, loads: Sequence[Load]) -> list[_Work]:
    """The objects that have not been loaded yet, with what silver knows of them."""
    keys = [one.key for one in loads]
    rows = connection.execute(
        _STATE,
        [
            [str(key) for key in keys],
            [key.symbol for key in keys],
            [one.interval for one in loads],
            [key.source for key in keys],
            [key.observed_at for key in keys],
        ],
    )
    return [
        _Work(one=loads[place - 1], series_id=series_id, accepted=frozenset(accepted), newer=newer)
        for place, is_known, series_id, accepted, newer in rows
        if not is_known
    ]


def _changes(connection: Connection, works: Sequence[_Work]) -> pl.DataFrame:
    """What answers change: place (in `works`), price_date, `change`, is_final, both sides' values, and `run`.

    Between neighbours with the same place and `run` no bar stays as it is.

    Notes in each work what becomes of it; one that contradicts what is held, with too few witnesses, changes nothing.
    """
    bars = pl.concat([_bars(work.one).with_columns(place=pl.lit(n, pl.Int32)) for n, work in enumerate(works)])
    series = {n: (work.series_id, work.one.first) for n, work in enumerate(works) if work.series_id is not None}
    held = held_bars(connection, series)
    both = beside(bars, held, "place").with_columns(change=_change())
    suspicious = both.group_by("place").agg(is_one=_may_contradict()).filter("is_one")["place"]
    for n in suspicious:
        work, own = works[n], pl.col("place") == n
        if work.one.key.is_tail:
            work.leave_out()
            both = both.filter(~own)
            continue
        is_taken, rebased = _judge(connection, work, compare(both.filter(own), work.one.rejected))
        if not is_taken:
            both = both.filter(~own)
        elif not rebased and work.one.rejected:
            # A row that the answer has, but which breaks a rule, leaves the bar as it was told before, unless that is
            # of another basis than the rest is now.
            days = pl.col("price_date").dt.to_string("%Y-%m-%d").is_in(work.one.rejected)
            left = own & (pl.col("change") == _WITHDRAWN) & pl.col(f"is_final{HELD}") & days
            both = both.with_columns(change=pl.when(left).then(pl.lit(_LEFT)).otherwise("change"))
    _count(works, both)
    is_written = pl.col("change").is_in(_WRITTEN)
    return both.with_columns(run=(~is_written).cum_sum()).filter(is_written)


def _bars(one: Load) -> pl.DataFrame:
    return one.series.bars.cast(BARS) if len(one.series.bars) else pl.DataFrame(schema=BARS)


def _change() -> pl.Expr:
    """What happens to a bar of `beside`."""
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}{HELD}") for name in BARS if name != "price_date")
    return (
        pl.when(pl.col(f"is_final{HELD}").is_null())
        .then(pl.lit(_INSERTED))
        .when(pl.col("is_final").is_null())
        .then(pl.lit(_WITHDRAWN))
        .when(~differs)
        .then(pl.lit(_UNCHANGED))
        .when(pl.col(f"is_final{HELD}"))
        .then(pl.lit(_RESTATED))
        .otherwise(pl.lit(_REPLACED))
    )


def _may_contradict() -> pl.Expr:
    """Whether an answer does more than add bars on the basis of those that were told before."""
    factor, before = (pl.col(f"adjusted_close{of}") / pl.col(f"close{of}") for of in ("", HELD))
    rebased = (factor.drop_nulls().last() / before.drop_nulls().last() - 1).abs() > WITHIN
    told_again = pl.col("change").is_in([_RESTATED, _WITHDRAWN]) & pl.col(f"is_final{HELD}")
    return told_again.any() | rebased.fill_null(value=False)


def _judge(connection: Connection, work: _Work, compared: Compared) -> tuple[bool, bool]:
    """Whether an answer beside what is held is taken, and whether it then tells the series anew."""
    work.suspects = compared.suspects
    contradicted = _not_accepted(compared.faults, work.accepted)
    if not contradicted:
        return True, compared.rebased
    one = work.one
    found = weigh(connection, one.key, one.interval, one.series.bars, one.rejected)
    work.rule, work.witnesses = next(iter(contradicted)), found.contrary
    why = f"{' '.join(contradicted.values())} {found}"
    if found.contrary < found.held:
        work.status, work.message = "refused", why
        return False, False
    work.suspects.append((one.series.bars["price_date"].item(-1), SERIES_REWRITTEN, why))
    # A rewritten series is told anew: what the answer has in rows that break a rule was told of another one.
    return True, True


def _not_accepted(faults: Mapping[str, str], accepted: frozenset[str]) -> dict[str, str]:
    """The faults of an answer that nobody accepted; the first such rule is what it is held by."""
    return {rule: why for rule, why in faults.items() if rule not in accepted}


def _count(works: Sequence[_Work], both: pl.DataFrame) -> None:
    """Notes in each work what it changes."""
    change, day = pl.col("change"), pl.col("price_date")
    is_written, is_final, was_final = (
        change.is_in(_WRITTEN),
        *(pl.col(f"is_final{of}").fill_null(value=False) for of in ("", HELD)),
    )
    split, before = (
        pl.when(final).then(pl.col(f"split_coefficient{of}")).otherwise(1.0)
        for final, of in ((is_final, ""), (was_final, HELD))
    )
    factor = (pl.col("adjusted_close") / pl.col(f"adjusted_close{HELD}")).filter(change == _RESTATED)
    found = both.group_by("place").agg(
        *((change == name).sum().alias(name) for name in _COUNTED),
        gone=((change == _WITHDRAWN) & was_final).sum(),
        changed_from=day.filter(is_written & (is_final | was_final)).min(),
        has_other_split=(is_written & (split != before)).any(),
        first=day.filter(is_final | (was_final & (change == _LEFT))).min(),
        again_from=day.filter(is_written & was_final).min(),
        again_to=day.filter(is_written & was_final).max(),
        factor=factor.sort_by(factor.log().abs()).last(),
    )
    for row in found.iter_rows(named=True):
        work = works[row["place"]]
        for name in _COUNTED:
            setattr(work.counts, name, row[name])
        # All closes before a split are divided by it.
        days = [row["changed_from"], row["first"] if row["has_other_split"] else None]
        work.changed_from = min((each for each in days if each is not None), default=None)
        if again := row[_RESTATED] + row["gone"]:
            work.restatement = (again, row["gone"], row["again_from"], row["again_to"], row["factor"] or 1.0)


def _write(connection: Connection, works: Sequence[_Work], changes: pl.DataFrame) -> None:
    """Writes the log of the works, and what they change."""
    numbers = _record(connection, works)
    told = pl.col("change") != _WITHDRAWN
    _number_series(connection, [works[n] for n in changes.filter(told)["place"].unique()])
    series = {n: work.series_id for n, work in enumerate(works)}
    rows = changes.with_columns(series_id=pl.col("place").replace_strict(series, return_dtype=pl.Int32))
    if len(gone := rows.filter(pl.col("change") != _INSERTED)):
        day = pl.col("price_date")
        delete_bars(connection, gone.group_by("series_id", "run").agg(first=day.min(), last=day.max()))
    if len(new := rows.filter(told)):
        loads = {n: numbers[str(work.one.key)] for n, work in enumerate(works)}
        copy_bars(connection, new.with_columns(load_id=pl.col("place").replace_strict(loads, return_dtype=pl.Int32)))


def _number_series(connection: Connection, works: Sequence[_Work]) -> None:
    """Gives a number to those series that have none; their symbols are locked."""
    new = {work.one.of: work for work in works if work.series_id is None}
    if new:
        for *of, series_id in connection.execute(_SERIES, list(map(list, zip(*new, strict=True)))).fetchall():
            new[tuple(of)].series_id = series_id


def _record(connection: Connection, works: Sequence[_Work]) -> dict[str, int]:
    """Writes what became of the works, and gives the number of each load by its key."""
    columns: dict[str, list[Any]] = {
        "bronze_key": [str(work.one.key) for work in works],
        "symbol": [work.one.key.symbol for work in works],
        "interval": [work.one.interval for work in works],
        "source": [work.one.key.source for work in works],
        "endpoint": [work.one.key.endpoint for work in works],
        "observed_at": [work.one.key.observed_at for work in works],
        **{
            name: [getattr(work, name) for work in works]
            for name in ("status", "rule", "message", "witnesses", "changed_from")
        },
        **{f.name: [getattr(work.counts, f.name) for work in works] for f in fields(LoadCounts)},
    }
    numbers = {key: int(load_id) for key, load_id in connection.execute(_RECORD, columns)}
    with connection.cursor() as cursor:
        cursor.executemany(_RESTATEMENT, list(_restatements(works)))
        cursor.executemany(_REJECT, [row for work in works for row in _rejects(work.one)])
        cursor.executemany(_SUSPECT, [row for work in works if work.status == "loaded" for row in _suspects(work)])
    return numbers


def _restatements(works: Iterable[_Work]) -> Iterator[tuple[Any, ...]]:
    for work in works:
        if work.restatement:
            yield *work.one.of, work.one.key.observed_at, *work.restatement, str(work.one.key)


def _rejects(one: Load) -> Iterator[tuple[Any, ...]]:
    if one.series.rejects.is_empty():
        return
    for row in one.series.rejects.select("price_date", "rule", "reason", "raw").iter_rows():
        yield str(one.key), *one.of, *row, one.key.observed_at


def _suspects(work: _Work) -> Iterator[tuple[Any, ...]]:
    key = work.one.key
    found = (*work.one.series.suspects.iter_rows(), *work.suspects)
    return ((str(key), *work.one.of, *row, key.observed_at) for row in found)
