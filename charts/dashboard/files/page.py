"""Fails where the dashboard does not answer, or its login may write to gold."""

import os
import sys
import urllib.request

import connectorx

for path in ("/_stcore/health", "/"):
    with urllib.request.urlopen(os.environ["URL"] + path, timeout=10) as answer:  # noqa: S310 - our own service
        print(path, answer.status)

rights = connectorx.read_sql(
    os.environ["STOCKS_WAREHOUSE_URL"],
    "select has_schema_privilege('gold', 'usage') as reads, has_schema_privilege('gold', 'create') as writes",
    return_type="arrow",
).to_pylist()[0]
print("gold", rights)
sys.exit(0 if rights == {"reads": True, "writes": False} else "the login's rights are wrong")
