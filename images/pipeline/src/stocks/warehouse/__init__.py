"""PostgreSQL: connections narrowed to a role, migrations, loading, the request budget, the run log, queries."""

from stocks.warehouse.connection import Role, Warehouse, connection_faults

__all__ = ["Role", "Warehouse", "connection_faults"]
