"""What the nodes of `stocks worker` need not do again: a worker imports this once, and forks its nodes off.

Modules that steps import when they are called, and boto3's description of S3, which takes longer than a request.
No thread may run when a node is forked off: nothing here connects, and Polars makes its threads when it is used first.
"""

from __future__ import annotations

import gc

import stocks.bronze.extract
import stocks.cli.app
import stocks.cli.summary
import stocks.run
import stocks.warehouse.budget
import stocks.warehouse.due
import stocks.warehouse.normalize  # noqa: F401 -- for the nodes
from stocks.bronze.bucket_store import s3_client
from stocks.settings import load_settings

s3_client(load_settings())
# What is there now is for good: no collection looks at it, and no process copies its pages for that.
gc.freeze()
