"""Puts answers into the store and finds them again."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zlib
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from isal import igzip

from stocks.bronze.folder_store import FolderStore
from stocks.bronze.object_key import Area, ObjectKey
from stocks.bronze.object_store import DisposableStore, ObjectStore
from stocks.errors import ConfigError, CorruptObject, DataError
from stocks.providers.inflate import gzip_unpacker, inflate
from stocks.providers.provider import Answer, Endpoint
from stocks.settings import Settings
from stocks.universe import check_symbol, is_symbol

_LEVEL = 2  # of 0 to 3: an eighth more than the smallest that zlib makes
_MOST: int = Settings.model_fields["stocks_answer_bytes"].default


class Held(NamedTuple):
    """What bronze holds of a symbol."""

    keys: list[ObjectKey]
    """Oldest first."""
    stray: DataError | None
    """What else lies among them: nobody knows what it was, so that it stays an error of the symbol until it is gone."""


class Bronze:
    """Raw answers, write-once and content-addressed.

    Every method raises StoreUnavailable and ConfigError as the store does.

    Args:
        store: Where the objects lie.
        most: Bytes of an answer that are read at most; `Settings.stocks_answer_bytes`.
    """

    def __init__(self, store: ObjectStore, *, most: int = _MOST) -> None:
        self.store = store
        self._most = most

    def put(self, answer: Answer) -> tuple[ObjectKey, bool]:
        """Stores an answer unless the latest one before it, to the same question, is equal.

        "Before" is by the time of observation: an answer that comes in late is kept where it tells something
        new about its own moment, so that a replay as of that moment finds it.

        Returns:
            The key under which the answer lies, and whether it was written now. False does not say that
            the object has been normalized: a run may have been killed in between.
        """
        return self._put(
            area_of(answer.endpoint),
            answer.source,
            answer.endpoint.name,
            answer.symbol,
            answer.observed_at,
            answer.body,
            is_tail=answer.is_tail,
        )

    def quarantine(self, source: str, endpoint: str, symbol: str, observed_at: datetime, body: bytes) -> ObjectKey:
        """Stores an answer that holds no usable series, where silver does not look."""
        return self._put("quarantine", source, endpoint, symbol, observed_at, body)[0]

    def held(self, symbol: str, area: Area = "series", endpoint: str | None = None, source: str | None = None) -> Held:
        """A symbol's objects in an area, and what lies there besides; of every endpoint and source where None."""
        prefix = f"{area}/{check_symbol(symbol)}/"
        if endpoint is not None:
            prefix += f"{endpoint}/" + (f"{source}/" if source is not None else "")
        keys, strays = [], []
        for text in self.store.keys(prefix):
            if (key := ObjectKey.parse(text)) is None:
                strays.append(text)
            elif source is None or key.source == source:
                keys.append(key)
        return Held(sorted(keys, key=lambda key: (key.observed_at, key.sha256)), self._fault(symbol, strays))

    def objects(
        self, symbol: str, area: Area = "series", endpoint: str | None = None, source: str | None = None
    ) -> list[ObjectKey]:
        """The keys of `held`."""
        return self.held(symbol, area, endpoint, source).keys

    def symbols(self, area: Area = "series") -> list[str]:
        """The symbols that have an object in an area, or something else where theirs would lie; sorted."""
        found = {text.split("/")[1] for text in self.store.keys(f"{area}/") if text.count("/") > 1}
        return sorted(symbol for symbol in found if is_symbol(symbol))

    def read(self, key: ObjectKey) -> bytes:
        """An answer's bytes as received: also where somebody wrote over them, and the store keeps versions.

        Raises:
            CorruptObject: They are not the bytes that were stored, or more than may be read.
            DataError: There is no such object.
        """
        # What can't be packed any smaller grows by a few bytes in a thousand.
        most = self._most + self._most // 100 + 100
        try:
            return self._unpacked(key, self.store.get(str(key), most))
        except CorruptObject:
            with contextlib.suppress(ConfigError):  # who may not see versions has none
                for packed in self.store.versions(str(key), most):
                    with contextlib.suppress(CorruptObject):
                        return self._unpacked(key, packed)
            raise

    def _unpacked(self, key: ObjectKey, packed: bytes) -> bytes:
        unpacker, unpacked = gzip_unpacker(), io.BytesIO()
        with contextlib.suppress(zlib.error):
            inflate(unpacker, packed, unpacked, self._most + 1)
        body = unpacked.getvalue()
        if len(body) > self._most:
            wrong = f"are more than the {self._most:,} of STOCKS_ANSWER_BYTES, unpacked"
        elif not unpacker.eof or unpacker.unused_data or hashlib.sha256(body).hexdigest() != key.sha256:
            wrong = "don't match the checksum in its key"
        else:
            return body
        raise CorruptObject(
            f"The bytes of {self.store.url}/{key} {wrong}.",
            hint="Restore that object from a copy, or move it away; then fetch the symbol again.",
        )

    def _put(
        self,
        area: Area,
        source: str,
        endpoint: str,
        symbol: str,
        observed_at: datetime,
        body: bytes,
        *,
        is_tail: bool = False,
    ) -> tuple[ObjectKey, bool]:
        key = ObjectKey(
            area=area,
            symbol=symbol,
            endpoint=endpoint,
            source=source,
            observed_at=observed_at,
            sha256=hashlib.sha256(body).hexdigest(),
            is_tail=is_tail,
        )
        earlier = [other for other in self._listing(key.prefix) if other.observed_at <= key.observed_at]
        latest = [other for other in earlier if other.observed_at == earlier[-1].observed_at]
        # Of two answers within a second nobody knows which came last: then neither speaks for "unchanged".
        if len(latest) == 1 and latest[0].sha256 == key.sha256 and latest[0].is_tail <= key.is_tail:
            return latest[0], False
        # No time and no name inside: equal answers give equal objects.
        return key, self.store.put_if_absent(str(key), igzip.compress(body, compresslevel=_LEVEL, mtime=0))

    def _fault(self, symbol: str, strays: list[str]) -> DataError | None:
        if not strays:
            return None
        more = f", and {len(strays) - 1:,} more," if len(strays) > 1 else ""
        return DataError(
            f"{symbol}: {strays[0]!r}{more} in {self.store.url} is no object of bronze: the name is damaged.",
            hint="Give it back the name that it had, or move it away; then run `stocks replay`.",
        )

    def _listing(self, prefix: str) -> list[ObjectKey]:
        """The keys below a prefix in the store's order; files that aren't ours are passed over."""
        return [key for text in self.store.keys(prefix) if (key := ObjectKey.parse(text))]


def area_of(endpoint: Endpoint) -> Area:
    """The area in which an endpoint's healthy answers lie."""
    return "reference" if endpoint.interval is None else "series"


def open_bronze(settings: Settings) -> Bronze:
    """Bronze in the store that the settings name.

    Raises:
        ConfigError: The address is none of a store.
    """
    return Bronze(_open_store(settings, settings.store_url, "STOCKS_STORE_URL"), most=settings.stocks_answer_bytes)


def open_backups(settings: Settings) -> DisposableStore:
    """The store of backups that the settings name.

    Raises:
        ConfigError: The address is none of a store.
    """
    return _open_store(settings, settings.backup_url, "STOCKS_BACKUP_URL")


def _open_store(settings: Settings, address: str, setting: str) -> DisposableStore:
    wrong = ConfigError(
        f"{setting} names no store.", hint="Use file:///folder or s3://bucket/prefix, with no credential in it."
    )
    try:
        url = urlsplit(address)
    except ValueError:
        raise wrong from None
    if "@" in url.netloc or url.query or url.fragment or "\0" in unquote(url.path):
        raise wrong
    if url.scheme == "file" and url.netloc in {"", "localhost"} and url.path.startswith("/"):
        return FolderStore(Path(url2pathname(url.path)), setting)
    if url.scheme == "s3" and url.netloc:
        # boto3 takes a quarter of a second to import: the embedded run does without it.
        from stocks.bronze.bucket_store import BucketStore, s3_client

        return BucketStore(url.netloc, url.path.strip("/"), s3_client(settings))
    raise wrong
