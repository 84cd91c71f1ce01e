"""The artifact store of Argo's pods, for nodes that have none: the same keys, the same bucket.

ARTIFACTS_URL                 s3://bucket, or file:///folder where there is no cluster; none: nothing is kept
ARTIFACTS_ACCESS_KEY_ID, ARTIFACTS_SECRET_ACCESS_KEY
AWS_ENDPOINT_URL_S3, AWS_REGION   as boto3 takes them
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from argodbt.worker.node import File

_AT_ONCE = 8  # files of a folder
VARIABLES = ("ARTIFACTS_URL", "ARTIFACTS_ACCESS_KEY_ID", "ARTIFACTS_SECRET_ACCESS_KEY")


class Missing(Exception):
    """The store has no such file."""


class Artifacts:
    """A bucket, a folder, or nothing.

    Args:
        url: Of the bucket or the folder; empty: there is no store.
        login: Access key and secret; None: as boto3 finds them.
    """

    def __init__(self, url: str, login: tuple[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._login = login
        self._bucket = parts.netloc if parts.scheme == "s3" else ""
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        if url and not (self._bucket or self._folder):
            raise ValueError(f"ARTIFACTS_URL={url}: an s3:// or a file:// address.")
        self._lock = threading.Lock()
        self.is_kept = bool(url)
        """Whether there is a store."""

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> Artifacts:
        """The store that is named there. Its variables are taken out: a node must not have what a pod would not."""
        url, key, secret = (environment.pop(name, "") for name in VARIABLES)
        return cls(url, (key, secret) if key else None)

    def fetch(self, files: Iterable[tuple[File, Path]]) -> None:
        """Brings files, or what is below a key as a folder, to their paths.

        Raises:
            Missing: There is none, and it is not optional.
        """
        for file, path in files:
            found = [(file.key, path)] if self._has(file.key) else list(self._below(file.key, path))
            if not found and not file.optional:
                raise Missing(f"the artifact store has no {file.key}")
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self._get, *zip(*found, strict=True)) if found else ())

    def keep(self, files: Iterable[tuple[File, Path]]) -> None:
        """Puts files into the store.

        Raises:
            Missing: One is not there, and not optional.
        """
        for file, path in files:
            if path.exists():
                self.put(file.key, path)
            elif not file.optional:
                raise Missing(f"there is no {path.name}")

    def put(self, key: str, path: Path) -> None:
        """Puts a file into the store."""
        if self._folder:
            target = self._folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        elif self._bucket:
            self._client.upload_file(str(path), self._bucket, key)

    def _has(self, key: str) -> bool:
        if self._folder:
            return (self._folder / key).is_file()
        return bool(self._bucket) and any(found == key for found in self._listed(key))

    def _below(self, key: str, path: Path) -> Iterable[tuple[str, Path]]:
        prefix = f"{key}/"
        if self._folder:
            listed: Iterable[str] = [
                str(found.relative_to(self._folder)) for found in (self._folder / key).rglob("*") if found.is_file()
            ]
        else:
            listed = self._listed(prefix) if self._bucket else ()
        return ((found, path / found.removeprefix(prefix)) for found in listed)

    def _get(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._folder:
            shutil.copyfile(self._folder / key, path)
        else:
            self._client.download_file(self._bucket, key, str(path))

    def _listed(self, prefix: str) -> Iterable[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    @property
    def _client(self) -> Any:
        with self._lock:
            return self._made

    @cached_property
    def _made(self) -> Any:
        import boto3
        from botocore.config import Config

        key, secret = self._login or (None, None)
        return boto3.client(
            "s3",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 5},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )
