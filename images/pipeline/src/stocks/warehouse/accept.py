"""A person takes an answer that silver refused: its series is held no more."""

from __future__ import annotations

from stocks.errors import ConfigError
from stocks.providers.json_text import storable
from stocks.silver.rules import ACCEPTABLE
from stocks.warehouse.connection import Role, Warehouse
from stocks.warehouse.load import lock_symbols, refusals


def accept(warehouse: Warehouse, symbol: str, rule: str, *, who: str) -> list[str]:
    """Notes that the latest answers of a symbol may break a rule; the next normalize or run loads them.

    Args:
        warehouse: Where it was refused.
        symbol: Whose series is held.
        rule: What the answer breaks; one of `rules.ACCEPTABLE`.
        who: Kept beside the time.

    Returns:
        The answers' keys in bronze: one, or one a series where several are held by the rule.

    Raises:
        ConfigError: No answer of the symbol is held by that rule, or it is one that nobody can accept.
    """
    if rule not in ACCEPTABLE:
        raise ConfigError(
            f"{rule!r} is no rule that can be accepted.",
            hint=f"These can: {', '.join(sorted(ACCEPTABLE))}. Any other needs a better answer, or `stocks replay`.",
        )
    with warehouse.connect(Role.WRITER) as connection, connection.transaction():
        lock_symbols(connection, [symbol])
        held = [refusal for refusal in refusals(connection, [symbol]).get(symbol, []) if refusal.interval is not None]
        keys = [refusal.bronze_key for refusal in held if refusal.rule == rule]
        if not keys:
            by = ", ".join(dict.fromkeys(refusal.rule for refusal in held)) or "nothing"
            raise ConfigError(
                f"{symbol} is not held by {rule}, but by {by}.", hint="`stocks status` lists what is held."
            )
        connection.execute(
            """
            insert into ops.accepted_fault (bronze_key, rule, symbol, accepted_by)
            select key, %s, %s, %s from unnest(%s::text[]) as key
            on conflict do nothing
            """,
            [rule, symbol, storable(who), keys],
        )
        # They are judged again, as if they had just come.
        connection.execute("delete from silver.rejected_bar where bronze_key = any(%s)", [keys])
        connection.execute("delete from ops.bronze_object where bronze_key = any(%s)", [keys])
    return keys
