"""Fails where the dashboard does not answer, or its login may write to gold."""

import os
import sys
import time
import urllib.error
import urllib.request

import connectorx

from stocks_dashboard.warehouse import for_connectorx

deadline = time.monotonic() + 30


def status(path: str) -> int:
    """What the dashboard answers; a network policy may come into force some seconds after the pod."""
    while True:
        try:
            with urllib.request.urlopen(os.environ["URL"] + path, timeout=10) as answer:  # noqa: S310 - our own service
                return answer.status
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


for path in ("/_stcore/health", "/"):
    print(path, status(path))

rights = connectorx.read_sql(
    for_connectorx(os.environ["STOCKS_WAREHOUSE_URL"]),
    "select has_schema_privilege('gold', 'usage') as reads, has_schema_privilege('gold', 'create') as writes",
    return_type="arrow",
).to_pylist()[0]
print("gold", rights)
sys.exit(0 if rights == {"reads": True, "writes": False} else "the login's rights are wrong")
