"""What bronze asks of a store: four verbs, none of which overwrites or deletes. Backups, which grow old, delete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from stocks.errors import ConfigError

_PROBE = ".doctor/probe"
_PROBE_BODY = b"Written by `stocks doctor`.\n"


class ObjectStore(Protocol):
    """Bytes by key. A key is a path of names with `/` between them.

    Every method raises:
        StoreUnavailable: The store can't be reached just now.
        ConfigError: The store, or what this process may do there, is not as it must be.
    """

    url: str
    """The store's address, with no secret in it."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Writes an object, whole or not at all, unless the key is taken. Of several at once, one wins.

        Returns:
            Whether it was written; False says that the key holds an object already.
        """
        ...

    def get(self, key: str, most: int | None = None) -> bytes:
        """An object's bytes; of a larger one the first `most`.

        Raises:
            DataError: There is no such object.
        """
        ...

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin with a prefix, sorted. Names that begin with a dot are not listed."""
        ...

    def versions(self, key: str, most: int | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """What lies below an object that was written over, newest first; nothing where the store keeps none."""
        return iter(())

    def guard(self, key: str, data: bytes) -> str:  # noqa: ARG002
        """What becomes of an object that somebody with this process's rights writes over; empty where nothing keeps it.

        Args:
            key: Of an object that is there; it is written over.
            data: Its bytes.
        """
        return ""

    def check(self) -> str:
        """Finds out whether the store can be listed, written and read, and keeps what it holds; gives `guard`'s word.

        Leaves one small object with a fixed key, which is never listed.
        """
        self.keys(_PROBE)
        self.put_if_absent(_PROBE, _PROBE_BODY)
        if self.put_if_absent(_PROBE, _PROBE_BODY):
            raise ConfigError(
                f"{self.url} overwrites objects in spite of `If-None-Match: *`.",
                hint="Bronze must be write-once: use a server that honours conditional writes.",
            )
        if self.get(_PROBE) != _PROBE_BODY:
            raise ConfigError(f"{self.url} gives back other bytes than were written.")
        return self.guard(_PROBE, _PROBE_BODY)


class DisposableStore(ObjectStore, Protocol):
    """A store in which may be deleted."""

    def delete(self, key: str) -> None:
        """Deletes an object; one that isn't there is passed over."""
        ...


def is_listed(key: str) -> bool:
    """Whether no name in a key begins with a dot: those are probes and unfinished writes."""
    return not key.startswith(".") and "/." not in key
