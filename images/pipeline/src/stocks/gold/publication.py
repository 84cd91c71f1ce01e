"""Publication: what a build has made in gold_next becomes gold, in one transaction.

The large tables stand once, in gold: a build leaves what it changes of them (dbt/materializations/incremental.sql), and
that is applied. Of the others gold takes over the rows that differ. None of this keeps a reader waiting, and views and
grants of others stay as they are. Only a table of another shape, or of a full refresh, takes its namesake's place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from stocks.errors import ConfigError
from stocks.gold.environment import BUILD_SCHEMA, PUBLISHED_SCHEMA
from stocks.warehouse.connection import Connection

_ASIDE = "gold_before"
_CHANGES, _REPLACED = "_changes", "_replaced"

_RELATIONS: LiteralString = """
select
    relname,
    relkind = 'v',
    array(
        select format('%%I %%s', attname, format_type(atttypid, atttypmod)) from pg_attribute
        where attrelid = pg_class.oid and attnum > 0 and not attisdropped order by attnum
    ),
    exists (
        select from pg_rewrite
        inner join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
        inner join pg_class as seen on refclassid = 'pg_class'::regclass and refobjid = seen.oid
        where ev_class = pg_class.oid and seen.relname = pg_class.relname
          and seen.relnamespace = to_regnamespace(%(published)s) and pg_class.relnamespace <> seen.relnamespace
    )
from pg_class
where relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'v') order by pg_class.oid
"""
# The relations that read some of a schema's, with their text.
_READERS: LiteralString = """
select distinct home.nspname, reader.relname, pg_get_viewdef(reader.oid)
from pg_depend
join pg_rewrite on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
join pg_class as reader on ev_class = reader.oid
join pg_namespace as home on reader.relnamespace = home.oid
join pg_class as seen on refclassid = 'pg_class'::regclass and refobjid = seen.oid
where seen.relnamespace = %(schema)s::regnamespace and seen.relname = any(%(names)s) and reader.oid <> seen.oid
order by 1, 2
"""
_SERIES: LiteralString = """
select array_agg(attname::text), col_description(%(table)s::regclass, (
    select attnum from pg_attribute where attrelid = %(table)s::regclass and attname = 'since'
))
from pg_index inner join pg_attribute on attrelid = indrelid and attnum = any(indkey)
where indrelid = %(table)s::regclass and indisprimary
"""
# The comments that relations of a build have, and their namesakes in gold don't: of a relation, or of a column of it.
_COMMENTS: LiteralString = """
select made.relname, made.relkind = 'v', part.name, part.told
from pg_class as made
inner join pg_class as held on held.relname = made.relname and held.relkind = made.relkind
cross join lateral (
    select null as name, obj_description(made.oid, 'pg_class') as told, obj_description(held.oid, 'pg_class') as before
    union all
    select attname, col_description(made.oid, attnum), col_description(held.oid, attnum)
    from pg_attribute where attrelid = made.oid and attnum > 0 and not attisdropped
) as part
where made.relnamespace = to_regnamespace(%(schema)s) and held.relnamespace = to_regnamespace(%(published)s)
  and made.relname = any(%(names)s) and part.told is distinct from part.before
"""


@dataclass(frozen=True, kw_only=True)
class _Relation:
    name: str
    is_view: bool
    columns: list[str]
    stands_in: bool
    """Whether it is a view of its namesake in gold, which stays."""


def clear(connection: Connection) -> None:
    """Drops what a build has left in gold_next.

    Raises:
        ConfigError: Somebody's view reads it, and would go with it.
    """
    found = _relations(connection, BUILD_SCHEMA)
    readers = [
        f"{schema}.{name}"
        for schema, name, _ in _readers(connection, BUILD_SCHEMA, [relation.name for relation in found])
        if schema != BUILD_SCHEMA
    ]
    if readers:
        raise ConfigError(
            f"A build would drop what reads {BUILD_SCHEMA}: {', '.join(readers)}.",
            hint="Let it read gold, which it then follows from build to build; or drop it.",
        )
    for relation in found:
        kind = sql.SQL("view" if relation.is_view else "table")
        connection.execute(
            sql.SQL("drop {} if exists {} cascade").format(kind, sql.Identifier(BUILD_SCHEMA, relation.name))
        )


def stand_in(connection: Connection, built: Collection[str]) -> None:
    """Puts views of gold into gold_next, for a build of a part.

    Args:
        connection: Of gold's owner; gold_next is empty.
        built: Names of what the build makes itself.
    """
    for relation in _relations(connection, PUBLISHED_SCHEMA):
        if relation.name not in built:
            connection.execute(
                sql.SQL("create view {} as select * from {}").format(
                    sql.Identifier(BUILD_SCHEMA, relation.name), sql.Identifier(PUBLISHED_SCHEMA, relation.name)
                )
            )


def tables(connection: Connection) -> set[str]:
    """The names of gold's tables."""
    return {relation.name for relation in _relations(connection, PUBLISHED_SCHEMA) if not relation.is_view}


def publish(connection: Connection, *, anew: bool) -> bool:
    """Makes what is in gold_next gold, and leaves gold_next empty.

    Args:
        connection: Of gold's owner, in a transaction.
        anew: Let every table take the place of its namesake: constraints and indexes may be others, too.

    Returns:
        Whether any rows of the large tables were changed.

    Raises:
        ConfigError: Somebody's view reads a table that is replaced, and can't follow; gold is as it was.
    """
    made = _relations(connection, BUILD_SCHEMA)
    before = {relation.name: relation for relation in _relations(connection, PUBLISHED_SCHEMA)}
    stays = {relation.name for relation in made if relation.stands_in}
    parts = {name + part for name in stays for part in (_CHANGES, _REPLACED)}
    moved = [_apply(connection, name) for name in sorted(stays) if name + _CHANGES in {each.name for each in made}]

    replaced: list[_Relation] = []
    texts = _view_texts(connection, BUILD_SCHEMA)
    texts_before = _view_texts(connection, PUBLISHED_SCHEMA)
    for relation in made:
        if relation.name in stays | parts:
            continue
        if relation.is_view:
            if texts[relation.name] != texts_before.get(relation.name):
                replaced.append(relation)
        elif anew or not _is_alike(before.get(relation.name), relation):
            replaced.append(relation)
        else:
            _take_over(connection, relation.name)
    if replaced:
        _replace(connection, replaced, before, texts)
    _describe(connection, [relation.name for relation in made if relation.name not in stays | parts])
    clear(connection)
    return any(moved)


def _apply(connection: Connection, name: str) -> bool:
    """Applies what a build changes of a large table; gives whether it was anything."""
    table = sql.Identifier(PUBLISHED_SCHEMA, name)
    changes, replaced = (sql.Identifier(BUILD_SCHEMA, name + part) for part in (_CHANGES, _REPLACED))
    row = connection.execute(_SERIES, {"table": f"{BUILD_SCHEMA}.{name}{_REPLACED}"}).fetchone()
    assert row is not None
    series, ordered_by = row
    out = connection.execute(
        sql.SQL("delete from {} as published using {} as replaced where {} and published.{} >= replaced.since").format(
            table,
            replaced,
            sql.SQL(" and ").join(
                sql.SQL("published.{0} = replaced.{0}").format(sql.Identifier(column)) for column in series
            ),
            sql.Identifier(ordered_by),
        )
    )
    put = connection.execute(sql.SQL("insert into {} select * from {}").format(table, changes))
    return out.rowcount + put.rowcount > 0


def _take_over(connection: Connection, name: str) -> None:
    """Lets gold's table have the rows of its namesake in gold_next, touching those alone that differ."""
    ours, theirs = sql.Identifier(PUBLISHED_SCHEMA, name), sql.Identifier(BUILD_SCHEMA, name)
    connection.execute(
        sql.SQL("delete from {} as held where not exists (select from {} as made where made = held)").format(
            ours, theirs
        )
    )
    connection.execute(
        sql.SQL(
            "insert into {0} select made.* from {1} as made "
            "where not exists (select from {0} as held where held = made)"
        ).format(ours, theirs)
    )


def _replace(
    connection: Connection, replaced: Sequence[_Relation], before: dict[str, _Relation], texts: dict[str, str]
) -> None:
    """Puts relations in the place of their namesakes, and points views of others, and of gold, to them."""
    names = [relation.name for relation in replaced]
    old = [before[name] for name in names if name in before]
    tables = sorted(relation.name for relation in old if not relation.is_view)
    if tables:  # all at once: a reader of two of them waits for us, or we for it
        locked = sql.SQL(", ").join(sql.Identifier(PUBLISHED_SCHEMA, name) for name in tables)
        connection.execute(sql.SQL("lock table {} in access exclusive mode").format(locked))
    followers = [
        (schema, name, text)
        for schema, name, text in _readers(connection, PUBLISHED_SCHEMA, names)
        if schema != BUILD_SCHEMA and not (schema == PUBLISHED_SCHEMA and name in names)
    ]
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_ASIDE)))
    for relation in old:
        _move(connection, relation, PUBLISHED_SCHEMA, _ASIDE)
    for relation in replaced:
        if not relation.is_view:
            _move(connection, relation, BUILD_SCHEMA, PUBLISHED_SCHEMA)
    connection.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(PUBLISHED_SCHEMA)))
    for relation in replaced:
        if relation.is_view:
            connection.execute(
                sql.SQL("create view {} as {}").format(sql.Identifier(relation.name), sql.SQL(texts[relation.name]))
            )
    connection.execute("set local search_path to default")
    for schema, name, text in followers:
        try:
            view = sql.Identifier(schema, name)
            connection.execute(sql.SQL("create or replace view {} as {}").format(view, sql.SQL(text)))
        except psycopg.ProgrammingError as error:
            raise ConfigError(
                f"Gold is not published: {schema}.{name} reads it, and can't follow: "
                f"{error.diag.message_primary or error}.",
                hint="Drop it, and build again.",
            ) from error
    connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(_ASIDE)))


def _describe(connection: Connection, names: Sequence[str]) -> None:
    """Gives gold the comments of its namesakes in gold_next: what is moved has them, a view is made anew."""
    found = connection.execute(
        _COMMENTS, {"schema": BUILD_SCHEMA, "published": PUBLISHED_SCHEMA, "names": list(names)}
    ).fetchall()
    for relation, is_view, column, told in found:
        kind = "column" if column else "view" if is_view else "table"
        name = sql.Identifier(PUBLISHED_SCHEMA, relation, *([column] if column else []))
        connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), name, sql.Literal(told)))


def _move(connection: Connection, relation: _Relation, schema: str, to: str) -> None:
    kind = sql.SQL("view" if relation.is_view else "table")
    connection.execute(
        sql.SQL("alter {} {} set schema {}").format(kind, sql.Identifier(schema, relation.name), sql.Identifier(to))
    )


def _is_alike(held: _Relation | None, made: _Relation) -> bool:
    return held is not None and (held.is_view, held.columns) == (made.is_view, made.columns)


def _relations(connection: Connection, schema: str) -> list[_Relation]:
    rows = connection.execute(_RELATIONS, {"schema": schema, "published": PUBLISHED_SCHEMA})
    return [
        _Relation(name=name, is_view=is_view, columns=columns, stands_in=stands_in)
        for name, is_view, columns, stands_in in rows
    ]


def _readers(connection: Connection, schema: str, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Schema, name and text of what reads some relations of a schema."""
    return connection.execute(_READERS, {"schema": schema, "names": list(names)}).fetchall()


def _view_texts(connection: Connection, schema: str) -> dict[str, str]:
    """The statements of a schema's views; PostgreSQL leaves the search path's schema out of what it prints."""
    connection.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
    rows = connection.execute(
        "select relname, pg_get_viewdef(oid) from pg_class where relnamespace = %s::regnamespace and relkind = 'v'",
        [schema],
    ).fetchall()
    connection.execute("set local search_path to default")
    return dict(rows)
