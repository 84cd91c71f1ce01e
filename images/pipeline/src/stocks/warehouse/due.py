from stocks.warehouse import Warehouse
from stocks.warehouse.connection import Role


def changed_bars(warehouse: Warehouse) -> int:
    with warehouse.connect(Role.READER) as connection:
        row = connection.execute(
            """
            select coalesce(sum(bars_changed), 0) from ops.bronze_object
            where load_id > coalesce(
                (select load_id from ops.gold_build where published_at is not null order by build_id desc limit 1), 0
            )
            """
        ).fetchone()
    assert row is not None
    return int(row[0])


def gold_is_due(warehouse: Warehouse) -> bool:
    from stocks.gold.ledger import is_current

    return not is_current(warehouse)
