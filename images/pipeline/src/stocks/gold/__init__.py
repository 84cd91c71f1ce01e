"""Gold: dbt builds it beside the one that readers use, its tests judge it, and only then it takes that one's place."""

from stocks.gold.build import GoldBuild, build_gold
from stocks.gold.dbt import preload
from stocks.gold.ledger import BUILD_SCHEMA, is_current

__all__ = ["BUILD_SCHEMA", "GoldBuild", "build_gold", "is_current", "preload"]
