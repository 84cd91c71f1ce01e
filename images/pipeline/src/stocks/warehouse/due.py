"""Whether gold is due: the one answer that a run, commit and prepare ask for.

It is due when silver has loads that the published build has not seen, when the dbt project or the universe is another
one than the build was made by, or when somebody dropped what was published; never where nothing was ever loaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stocks.settings import load_settings, project_folder
from stocks.warehouse.connection import Connection, Role, Warehouse
from stocks.warehouse.listings import digest


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What the published gold has not seen."""

    bars_changed: int
    """Bars of silver, counted at each load that changed them."""
    gold_due: bool


def unseen(warehouse: Warehouse) -> Unseen:
    """What has happened since the published gold was built."""
    with warehouse.connect(Role.READER) as connection:
        published = connection.execute(
            """
            select
                load_id, fingerprint,
                exists (
                    select from unnest(relations) as published (name)
                    where not exists (
                        select from pg_class
                        where relname = published.name and relnamespace = to_regnamespace('gold')
                    )
                ),
                listings
            from ops.gold_build
            where published_at is not null order by build_id desc limit 1
            """
        ).fetchone()
        seen, built_by, is_dropped, listings = published or (0, "", False, "")
        changed = connection.execute(
            "select coalesce(sum(bars_changed), 0) from ops.bronze_object where load_id > %s", [seen]
        ).fetchone()
        newest, is_other_universe = newest_load(connection), listings != digest(connection)
    assert changed is not None
    # A replay as of a past moment may leave fewer loads than gold has seen: that, too, gold has to learn.
    is_due = newest != seen or (newest > 0 and (is_dropped or is_other_universe or built_by != fingerprint()))
    return Unseen(bars_changed=int(changed[0]), gold_due=is_due)


def is_gold_due(warehouse: Warehouse) -> bool:
    """Whether gold is to be built."""
    return unseen(warehouse).gold_due


def newest_load(connection: Connection) -> int:
    """The newest row of ops.bronze_object that gold can see: of changes, rejects, refusals or a company.

    0 where there is none.
    """
    row = connection.execute(
        """
        select coalesce(max(load_id), 0) from ops.bronze_object
        where bars_changed > 0 or bars_rejected > 0 or status = 'refused' or interval is null
        """
    ).fetchone()
    assert row is not None
    return int(row[0])


def fingerprint() -> str:
    """SHA-256 over what gold is built by beside silver: the order of the sources, and the dbt project's files."""
    digest = hashlib.sha256(f"{','.join(load_settings().sources)}\0".encode())
    folder = project_folder()
    left_out = {"target", "logs", "dbt_packages"}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in left_out and not name.name.startswith("."):
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
