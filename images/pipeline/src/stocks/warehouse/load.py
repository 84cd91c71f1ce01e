"""Bars into silver: COPY into a temporary table, one upsert, one transaction with the row in ops.bronze_object.

The newest answer is the series: a bar that it no longer has is withdrawn, and of an older one nothing is taken. So a
series never holds bars of two bases. What contradicts the bars held must have as many witnesses as they have. A load
that is killed leaves nothing behind; one that is repeated changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, LiteralString, NamedTuple

import polars as pl
from psycopg import sql

from stocks.bronze import ObjectKey
from stocks.outcome import LoadCounts
from stocks.silver import ParsedSeries
from stocks.silver.rules import DUPLICATE_WEEK, SERIES_REWRITTEN
from stocks.warehouse.connection import Connection
from stocks.warehouse.held import compare
from stocks.warehouse.witnesses import forget, weigh


class Load(NamedTuple):
    """A bronze object and what became of it when it was parsed."""

    key: ObjectKey
    interval: str
    series: ParsedSeries


class Company(NamedTuple):
    """A bronze object and the attributes that it tells of a company, by column of silver.company."""

    key: ObjectKey
    attributes: dict[str, str | None]
    refused: str = ""
    """Why it tells none."""


_STAGE: LiteralString = """
create temporary table if not exists incoming (
    price_date date, open double precision, high double precision, low double precision, close double precision,
    adjusted_close double precision, volume bigint, dividend_amount double precision,
    split_coefficient double precision, is_final boolean
)
"""

_COPY: LiteralString = """
copy incoming (price_date, open, high, low, close, adjusted_close, volume, dividend_amount, split_coefficient,
               is_final) from stdin (format csv)
"""

# A row that the answer has, but which breaks a rule, leaves the bar as it was told before, unless that is of another
# basis than the rest is now.
_WITHDRAW: LiteralString = """
with withdrawn as (
    delete from silver.price_bar as bar
    where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s
      and not exists (select 1 from incoming where incoming.price_date = bar.price_date)
      and not (is_final and not %(rebased)s and to_char(price_date, 'YYYY-MM-DD') = any(%(rejected)s))
    returning old.price_date, old.is_final, old.split_coefficient
)
select
    count(*),
    count(*) filter (where is_final),
    coalesce(bool_or(is_final and split_coefficient <> 1), false),
    min(price_date) filter (where is_final),
    max(price_date) filter (where is_final)
from withdrawn
"""

# PostgreSQL 18 tells in RETURNING what a row was: counts are taken from the very write, not guessed beside it.
_UPSERT: LiteralString = """
with written as (
    insert into silver.price_bar as bar (
        symbol, interval, price_date, open, high, low, close, adjusted_close, volume, dividend_amount,
        split_coefficient, is_final, source, bronze_key, observed_at
    )
    select
        %(symbol)s, %(interval)s, price_date, open, high, low, close, adjusted_close, volume, dividend_amount,
        split_coefficient, is_final, %(source)s, %(bronze_key)s, %(observed_at)s
    from incoming
    order by price_date
    on conflict (symbol, interval, source, price_date) do update set
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        adjusted_close = excluded.adjusted_close, volume = excluded.volume,
        dividend_amount = excluded.dividend_amount, split_coefficient = excluded.split_coefficient,
        is_final = excluded.is_final, bronze_key = excluded.bronze_key, observed_at = excluded.observed_at
    where (bar.open, bar.high, bar.low, bar.close, bar.adjusted_close, bar.volume, bar.dividend_amount,
           bar.split_coefficient, bar.is_final)
          is distinct from
          (excluded.open, excluded.high, excluded.low, excluded.close, excluded.adjusted_close, excluded.volume,
           excluded.dividend_amount, excluded.split_coefficient, excluded.is_final)
    returning
        new.price_date,
        new.is_final,
        old.is_final as was_final,
        case when new.is_final then new.split_coefficient else 1 end
            <> case when old.is_final then old.split_coefficient else 1 end as has_other_split,
        new.adjusted_close / old.adjusted_close as factor
)
select
    count(*) filter (where was_final is null),
    count(*) filter (where was_final),
    count(*) filter (where not was_final),
    coalesce(bool_or(has_other_split), false),
    min(price_date) filter (where is_final or was_final),
    min(price_date) filter (where was_final),
    max(price_date) filter (where was_final),
    (array_agg(factor order by abs(ln(factor)) desc) filter (where was_final))[1]
from written
"""

_FIRST_BAR: LiteralString = """
select min(price_date) from silver.price_bar
where symbol = %(symbol)s and interval = %(interval)s and source = %(source)s and is_final
"""

_FORGET: tuple[LiteralString, ...] = (
    "delete from silver.price_bar where symbol = %s",
    "delete from silver.rejected_bar where symbol = %s",
    "delete from silver.suspect_bar where symbol = %s",
    "delete from silver.contested_bar where symbol = %s",
    "delete from silver.restatement where symbol = %s",
    "delete from ops.bronze_object where symbol = %s and interval is not null",
)

_RECORD: LiteralString = """
insert into ops.bronze_object (
    bronze_key, symbol, interval, source, endpoint, observed_at, status, rule, message, witnesses,
    bars_inserted, bars_restated, bars_replaced, bars_unchanged, bars_withdrawn, bars_rejected, changed_from
)
values (
    %(bronze_key)s, %(symbol)s, %(interval)s, %(source)s, %(endpoint)s, %(observed_at)s, %(status)s,
    %(rule)s, %(message)s, %(witnesses)s,
    %(inserted)s, %(restated)s, %(replaced)s, %(unchanged)s, %(withdrawn)s, %(rejected)s, %(changed_from)s
)
"""


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


def refusals(connection: Connection, symbol: str) -> list[Refusal]:
    """Of a symbol's series and its company, by source: those whose latest answer was refused as a whole."""
    rows = connection.execute(
        """
        select bronze_key, source, interval, rule, message
        from (
            select distinct on (source, interval) *
            from ops.bronze_object
            where symbol = %s
            order by source, interval, observed_at desc, load_id desc
        ) as latest
        where status = 'refused'
        order by source, interval
        """,
        [symbol],
    )
    return [Refusal(*row) for row in rows]


def load(connection: Connection, one: Load) -> LoadCounts:
    """Loads a parsed object. One that was loaded before is passed over."""
    with connection.transaction():
        return _load_one(connection, one)


def reload(connection: Connection, symbol: str, loads: Iterable[Load]) -> LoadCounts:
    """Replaces all that silver holds of a symbol's series by what these objects give, in one transaction."""
    total = LoadCounts()
    with connection.transaction():
        lock_symbol(connection, symbol)
        for forget in _FORGET:
            connection.execute(forget, [symbol])
        for one in loads:
            total.add(_load_one(connection, one))
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
        lock_symbol(connection, key.symbol)
        if not pending(connection, [key]):
            return
        if not one.refused:
            connection.execute(statement, {**values, "symbol": key.symbol})
        _record(connection, key, None, "refused" if one.refused else "loaded", one.refused, LoadCounts())


def forget_company(connection: Connection, symbol: str) -> None:
    """Removes a symbol's attributes, so that OVERVIEW answers can be loaded again."""
    lock_symbol(connection, symbol)
    connection.execute("delete from silver.company where symbol = %s", [symbol])
    connection.execute("delete from ops.bronze_object where symbol = %s and interval is null", [symbol])


def analyze(connection: Connection) -> None:
    """Tells the planner what silver looks like now; gold would else be planned for the tables that were."""
    connection.execute("analyze silver.price_bar, ops.bronze_object")


def lock_symbol(connection: Connection, symbol: str) -> None:
    """Until the transaction ends, no other process loads this symbol."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('silver.' || %s, 0))", [symbol])


def _load_one(connection: Connection, one: Load) -> LoadCounts:
    key = one.key
    lock_symbol(connection, key.symbol)
    if not pending(connection, [key]):
        return LoadCounts()
    counts = LoadCounts(rejected=one.series.rejects.height)
    _record_rejects(connection, one)
    accepted = {
        rule for (rule,) in connection.execute("select rule from ops.accepted_fault where bronze_key = %s", [str(key)])
    }
    if faults := _not_accepted(one.series.faults, accepted):
        why = " ".join(faults.values())
        _record(connection, key, one.interval, "refused", why, counts, rule=next(iter(faults)))
        return counts
    newer = connection.execute(
        """
        select max(observed_at) from ops.bronze_object
        where symbol = %s and interval = %s and source = %s and status = 'loaded' and observed_at > %s
        """,
        [key.symbol, one.interval, key.source, key.observed_at],
    ).fetchone()
    if newer and newer[0]:
        # Its bars may be of another basis than the newer one's: nothing is taken of it.
        message = f"The answer of {newer[0]:%Y-%m-%d %H:%M} UTC is newer, and was loaded before."
        _record(connection, key, one.interval, "superseded", message, counts)
        return counts
    connection.execute(_STAGE)
    connection.execute("truncate incoming")
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(one.series.bars.write_csv(include_header=False).encode())
    told = one.series.rejects.filter(pl.col("rule") != DUPLICATE_WEEK)["price_date"]
    values: dict[str, object] = {
        "symbol": key.symbol,
        "interval": one.interval,
        "source": key.source,
        "bronze_key": str(key),
        "observed_at": key.observed_at,
        "rejected": told.to_list(),
    }
    compared = compare(connection, values)
    suspects = [*one.series.suspects.iter_rows(), *compared.suspects]
    rule, witnesses = "", 1
    if contradicted := _not_accepted(compared.faults, accepted):
        found, rule = weigh(connection, values), next(iter(contradicted))
        why, witnesses = f"{' '.join(contradicted.values())} {found}", found.contrary
        if witnesses < found.held:
            _record(connection, key, one.interval, "refused", why, counts, rule=rule, witnesses=witnesses)
            return counts
        suspects.append((one.series.bars["price_date"].item(-1), SERIES_REWRITTEN, why))
    # A rewritten series is told anew: what the answer has in rows that break a rule was told of another one.
    values["rebased"] = compared.rebased or bool(rule)
    counts.withdrawn, final, split_gone, *withdrawn = _one_row(connection, _WITHDRAW, values)
    written = _one_row(connection, _UPSERT, values)
    counts.inserted, counts.restated, counts.replaced, other_split, written_from, *restated, factor = written
    counts.unchanged = one.series.bars.height - counts.inserted - counts.restated - counts.replaced
    if counts.restated or final:
        days = [day for day in (*withdrawn, *restated) if day is not None]
        connection.execute(
            """
            insert into silver.restatement (
                symbol, interval, source, observed_at, bars_changed, bars_withdrawn, first_date, last_date,
                largest_factor, bronze_key
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                key.symbol,
                one.interval,
                key.source,
                key.observed_at,
                counts.restated + final,
                final,
                min(days),
                max(days),
                factor or 1.0,
                str(key),
            ],
        )
    forget(connection, values)
    _record_suspects(connection, one, suspects)
    # All closes before a split are divided by it.
    first = _one_row(connection, _FIRST_BAR, values) if split_gone or other_split else ()
    changed_from = min((day for day in (withdrawn[0], written_from, *first) if day is not None), default=None)
    _record(
        connection, key, one.interval, "loaded", "", counts, rule=rule, witnesses=witnesses, changed_from=changed_from
    )
    return counts


def _not_accepted(faults: Mapping[str, str], accepted: Collection[str]) -> dict[str, str]:
    """The faults of an answer that nobody accepted; the first such rule is what it is held by."""
    return {rule: why for rule, why in faults.items() if rule not in accepted}


def _one_row(connection: Connection, statement: LiteralString, values: dict[str, object]) -> tuple[Any, ...]:
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return row


def _record_rejects(connection: Connection, one: Load) -> None:
    key = one.key
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into silver.rejected_bar
                (bronze_key, symbol, interval, source, price_date, rule, reason, raw, observed_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (str(key), key.symbol, one.interval, key.source, day, rule, reason, raw, key.observed_at)
                for day, rule, reason, raw in one.series.rejects.select(
                    "price_date", "rule", "reason", "raw"
                ).iter_rows()
            ],
        )


def _record_suspects(connection: Connection, one: Load, suspects: Iterable[tuple[date, str, str]]) -> None:
    key = one.key
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into silver.suspect_bar (bronze_key, symbol, interval, source, price_date, rule, reason, observed_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (str(key), key.symbol, one.interval, key.source, day, rule, reason, key.observed_at)
                for day, rule, reason in suspects
            ],
        )


def _record(
    connection: Connection,
    key: ObjectKey,
    interval: str | None,
    status: str,
    message: str,
    counts: LoadCounts,
    *,
    rule: str = "",
    witnesses: int = 1,
    changed_from: date | None = None,
) -> None:
    connection.execute(
        _RECORD,
        {
            **{f.name: getattr(counts, f.name) for f in fields(counts)},
            "bronze_key": str(key),
            "symbol": key.symbol,
            "interval": interval,
            "source": key.source,
            "endpoint": key.endpoint,
            "observed_at": key.observed_at,
            "status": status,
            "rule": rule,
            "message": message,
            "witnesses": witnesses,
            "changed_from": changed_from,
        },
    )
