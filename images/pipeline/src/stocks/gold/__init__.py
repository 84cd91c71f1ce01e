"""Gold: dbt builds it beside the one that readers use, its tests judge it, and only then it takes that one's place."""

from stocks.gold.build import build_gold, preload
from stocks.gold.environment import BUILD_SCHEMA, environment

__all__ = ["BUILD_SCHEMA", "build_gold", "environment", "preload"]
