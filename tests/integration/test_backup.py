"""Backups: whole and of one moment, or not there; and the warehouse that is made of one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.instance import Instance, events
from tests.integration.test_load import bar, made

from stocks.bronze.folder_store import FolderStore
from stocks.errors import ConfigError, DataError, StoreUnavailable
from stocks.report import Report
from stocks.warehouse import Role, Warehouse
from stocks.warehouse.backup import Manifest, back_up, forget, kept
from stocks.warehouse.listings import add
from stocks.warehouse.load import load
from stocks.warehouse.migrate import check_version, migrations, remake
from stocks.warehouse.restore import chosen, restore

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
Contents = dict[str, list[str]]
NewDatabase = Callable[[], AbstractContextManager[Warehouse]]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "backups")


@pytest.fixture
def full(warehouse: Warehouse) -> Warehouse:
    """Some of what bronze can give back, and some of what it can't; text that is awkward."""
    with warehouse.connect(Role.WRITER) as connection:
        days = [date(2024, 5, 13) + timedelta(days=n) for n in range(5)]
        load(connection, made(*(bar(day, 0.1 + n / 3) for n, day in enumerate(days))))
        load(connection, made(symbol="ZZZ", refused="a tab\t, a line\nand \\N in it"))
        connection.execute("insert into ops.run (run_id, command, message) values (%s, 'run', null)", [uuid.uuid4()])
        connection.execute(
            "insert into ops.gold_build (run_id, load_id, fingerprint, full_refresh)"
            " select run_id, 1, '', false from ops.run"
        )
    with warehouse.connect(Role.OWNER) as connection:
        connection.execute(
            "create table snapshots.dim_stock_versions as"
            " select 'IBM'::text as symbol, now()::timestamp as dbt_valid_from, null::integer as \"Odd\""
        )
    add(warehouse, ["TSLA"], {"company_name": "Tesla, Inc."}, who='"me"')
    return warehouse


@pytest.fixture
def empty(new_database: NewDatabase) -> Iterator[Warehouse]:
    """A database with nothing in it, not even the schemas."""
    with new_database() as own:
        yield own


def contents(warehouse: Warehouse) -> Contents:
    """Every row of silver, ops and snapshots as text, by table."""
    with warehouse.connect(Role.READER) as connection:
        names = connection.execute(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables"
            " where table_schema in ('silver', 'ops', 'snapshots') order by 1"
        ).fetchall()
        return {
            name: [
                row for (row,) in connection.execute(f"select to_jsonb(t)::text from {name} as t order by 1".encode())
            ]
            for (name,) in names
        }


def made_of(store: FolderStore, warehouse: Warehouse) -> Manifest:
    return restore(store, chosen(kept(store), None), warehouse, report=Report())


@pytest.mark.parametrize("part_size", [1, 32 * 2**20], ids=["a row a part", "usual parts"])
def test_restored_warehouse_is_the_one_that_was_backed_up(
    part_size: int, full: Warehouse, empty: Warehouse, store: FolderStore
) -> None:
    expected = contents(full)
    manifest = back_up(full, store, report=Report(), now=NOW, part_size=part_size)
    assert made_of(store, empty) == manifest
    assert contents(empty) == expected
    assert manifest.rows == sum(len(rows) for name, rows in expected.items() if name != "silver.price_bar")
    check_version(empty)
    # A number that was given once is given to nobody else: gold tells by it what it has seen.
    with empty.connect(Role.WRITER) as connection:
        load(connection, made(bar(date(2024, 5, 20)), symbol="NEW"))
        loads = connection.execute("select load_id from ops.bronze_object order by load_id").fetchall()
    assert len(loads) == len(expected["ops.bronze_object"]) + 1
    assert len(set(loads)) == len(loads)


def test_database_with_nothing_in_it_is_filled_by_the_command(
    full: Warehouse, empty: Warehouse, tmp_path: Path
) -> None:
    """As after `drop database`: there was no `stocks migrate` yet."""
    expected = contents(full)
    back_up(full, FolderStore(tmp_path / "backups"), report=Report(), now=NOW)
    instance = Instance.make(tmp_path / "state", STOCKS_BACKUP_URL=(tmp_path / "backups").as_uri())
    listed = instance.stocks("restore", "--list", "--json")
    assert [event["state"] for event in events(listed)] == ["whole"]
    restored = instance.stocks("restore", "--json", STOCKS_WAREHOUSE_URL=empty.url)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert contents(empty) == expected
    again = instance.stocks("restore", "--json", STOCKS_WAREHOUSE_URL=empty.url)
    assert (again.returncode, "is not empty" in again.stdout) == (78, True)


def test_what_goes_on_meanwhile_is_none_of_it(full: Warehouse, empty: Warehouse, store: FolderStore) -> None:
    expected = contents(full)

    def meanwhile() -> None:
        with full.connect(Role.WRITER) as connection:
            load(connection, made(bar(date(2024, 5, 20)), symbol="NEW"))

    back_up(full, store, report=Report(), begun=meanwhile)
    made_of(store, empty)
    assert contents(empty) == expected


def test_warehouse_with_rows_is_refused(full: Warehouse, warehouse: Warehouse, store: FolderStore) -> None:
    back_up(full, store, report=Report())
    before = contents(full)
    with pytest.raises(ConfigError, match="is not empty: ops"):
        made_of(store, full)
    assert contents(full) == before


def test_backup_of_an_older_version_is_brought_on(
    empty: Warehouse, new_database: NewDatabase, store: FolderStore
) -> None:
    with new_database() as old:
        with old.connect(Role.OWNER) as connection, connection.transaction():
            remake(connection, 12).__enter__()  # and never left: it stays at that version
            connection.execute("insert into ops.run (run_id, command) values (gen_random_uuid(), 'old')")
        back_up(old, store, report=Report())
        runs = contents(old)["ops.run"]
    assert made_of(store, empty).migration == 12
    check_version(empty)
    assert contents(empty)["ops.run"] == runs


def test_backup_of_a_newer_version_is_refused(full: Warehouse, empty: Warehouse, store: FolderStore) -> None:
    with full.connect(Role.OWNER) as connection:
        connection.execute("insert into migration.applied (version, name, checksum) values (9999, 'newer', '')")
    back_up(full, store, report=Report())
    with pytest.raises(ConfigError, match="migration 9999"):
        made_of(store, empty)


def test_damaged_backup_restores_nothing(
    full: Warehouse, warehouse: Warehouse, empty: Warehouse, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "backups")
    back_up(full, store, report=Report())
    (part,) = tmp_path.glob("backups/*/silver.series/00000.gz")
    packed = bytearray(part.read_bytes())
    packed[len(packed) // 2] ^= 1
    part.write_bytes(packed)
    with pytest.raises(DataError, match=r"damaged: .*silver.series/00000.gz"):
        made_of(store, empty)
    with empty.connect(Role.OWNER) as connection:
        assert connection.execute("select to_regnamespace('silver') is null").fetchone() == (True,)


class Full(FolderStore):
    """A store that takes some objects and no more."""

    left = 3

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("The store went away.")
        return super().put_if_absent(key, data)


def test_backup_that_was_cut_off_is_not_there(full: Warehouse, empty: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        back_up(full, Full(tmp_path / "backups"), report=Report(), now=NOW)
    store = FolderStore(tmp_path / "backups")
    [cut] = kept(store)
    assert (cut.moment, cut.is_whole, len(cut.keys)) == (NOW, False, 3)
    with pytest.raises(ConfigError, match="no such backup"):
        chosen(kept(store), None)
    back_up(full, store, report=Report(), now=NOW + timedelta(hours=1))
    assert chosen(kept(store), None).moment == NOW + timedelta(hours=1)
    assert forget(store, 30, now=NOW + timedelta(hours=2)) == []
    assert [each.moment for each in forget(store, 30, now=NOW + timedelta(hours=25))] == [NOW]


def test_two_in_one_second_do_not_mix(full: Warehouse, store: FolderStore) -> None:
    back_up(full, store, report=Report(), now=NOW)
    with pytest.raises(StoreUnavailable, match="in this second"):
        back_up(full, store, report=Report(), now=NOW)


def folder_of(days: int) -> str:
    """That of a backup made some days ago."""
    return f"{NOW - timedelta(days=days):%Y%m%dT%H%M%SZ}"


def test_old_backups_go_and_the_newest_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "backups")
    for folder in map(folder_of, (40, 31, 29)):
        store.put_if_absent(f"{folder}/silver.bar/00000.gz", b"")
        store.put_if_absent(f"{folder}/manifest.json", b"")
    store.put_if_absent("readme.txt", b"of somebody else")

    def left(keep: int) -> list[str]:
        forget(store, keep, now=NOW)
        return sorted(path.name for path in (tmp_path / "backups").iterdir())

    assert left(30) == [folder_of(29), "readme.txt"]
    assert left(1) == [folder_of(29), "readme.txt"], "the newest stays"
    assert len(store.keys("")) == 3


def test_a_moment_means_the_last_backup_before_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "backups")
    for hour in (1, 3):
        store.put_if_absent(f"20261125T0{hour}0000Z/manifest.json", b"")
    assert chosen(kept(store), NOW).moment == NOW
    assert chosen(kept(store), NOW - timedelta(hours=1)).moment == NOW - timedelta(hours=2)
    with pytest.raises(ConfigError, match="no such backup"):
        chosen(kept(store), NOW - timedelta(days=1))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 1, "moment": "x"}', b'{"format": 2}'])
def test_manifest_that_is_none_is_told(text: bytes) -> None:
    with pytest.raises(DataError, match="backup"):
        Manifest.from_json(text)


def test_newest_migration_is_what_a_backup_says(full: Warehouse, store: FolderStore) -> None:
    assert back_up(full, store, report=Report()).migration == migrations()[-1].version
