"""A person takes an answer that silver refused: its series is held no more."""

from __future__ import annotations

from stocks.errors import ConfigError
from stocks.silver.rules import ACCEPTABLE
from stocks.warehouse.connection import Role, Warehouse
from stocks.warehouse.load import lock_symbol


def accept(warehouse: Warehouse, symbol: str, rule: str, *, who: str) -> str:
    """Notes that the latest answer of a symbol may break a rule; the next normalize or run loads it.

    Args:
        warehouse: Where it was refused.
        symbol: Whose series is held.
        rule: What the answer breaks; one of `rules.ACCEPTABLE`.
        who: Kept beside the time.

    Returns:
        The answer's key in bronze.

    Raises:
        ConfigError: No answer of the symbol is held by that rule, or it is one that nobody can accept.
    """
    if rule not in ACCEPTABLE:
        raise ConfigError(
            f"{rule!r} is no rule that can be accepted.",
            hint=f"These can: {', '.join(sorted(ACCEPTABLE))}. Any other needs a better answer, or `stocks replay`.",
        )
    with warehouse.connect(Role.WRITER) as connection, connection.transaction():
        lock_symbol(connection, symbol)
        held = {
            found_rule: key
            for key, status, found_rule in connection.execute(
                """
                select distinct on (source, interval) bronze_key, status, rule
                from ops.bronze_object
                where symbol = %s and interval is not null and status <> 'superseded'
                order by source, interval, observed_at desc, load_id desc
                """,
                [symbol],
            )
            if status == "refused"
        }
        if rule not in held:
            by = f"by {', '.join(held)}" if held else "by nothing"
            raise ConfigError(f"{symbol} is not held by {rule}, but {by}.", hint="`stocks status` lists what is held.")
        key: str = held[rule]
        connection.execute(
            """
            insert into ops.accepted_fault (bronze_key, rule, symbol, accepted_by) values (%s, %s, %s, %s)
            on conflict do nothing
            """,
            [key, rule, symbol, who],
        )
        # It is judged again, as if it had just come.
        connection.execute("delete from silver.rejected_bar where bronze_key = %s", [key])
        connection.execute("delete from ops.bronze_object where bronze_key = %s", [key])
    return key
