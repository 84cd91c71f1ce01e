"""The object store of raw answers: bytes as received, written once, named by their content.

Everything after bronze can be rebuilt from it without a request to the provider.
"""

from stocks.bronze.layer import Bronze, area_of, open_backups, open_bronze
from stocks.bronze.object_key import Area, ObjectKey
from stocks.bronze.object_store import ObjectStore

__all__ = ["Area", "Bronze", "ObjectKey", "ObjectStore", "area_of", "open_backups", "open_bronze"]
