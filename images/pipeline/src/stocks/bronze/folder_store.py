"""A store in a folder of this machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NoReturn
from uuid import uuid4

from stocks.bronze.object_store import DisposableStore, is_listed
from stocks.errors import ConfigError, DataError, StocksError, StoreUnavailable

# Faults that stay until somebody does something, and what that is. All others may pass.
_LASTING = {
    errno.ENOSPC: "Free some space there, or set {setting} to a folder on another disk.",
    errno.EDQUOT: "The quota is used up: free some space, or set {setting} to another folder.",
    errno.EFBIG: "The process may not write files of that size: see `ulimit -f`.",
    errno.EROFS: "Set STOCKS_STATE_DIR or {setting} to a folder that can be written.",
    errno.EACCES: "Give this user the right to read and write there, or set {setting}.",
    errno.EPERM: "The folder must allow writing and hard links; or set {setting} to another one.",
    errno.EOPNOTSUPP: "The file system must allow hard links; or set {setting} to another folder.",
    errno.ENOTDIR: "A file is where a folder must be: set {setting} to another folder.",
    errno.EEXIST: "A file is where a folder must be: set {setting} to another folder.",
    errno.EISDIR: "A folder is where a file must be: was the store changed by hand?",
    errno.ENAMETOOLONG: "Set {setting} to a folder with a shorter path.",
}


class FolderStore(DisposableStore):
    """A folder; a key is a path below it.

    A write is on the disk when it returns. One that was killed leaves a file whose name begins with a
    dot: it is never listed and does no harm.

    Args:
        folder: The folder; made at the first write.
        setting: The variable that names it, for messages.
    """

    def __init__(self, folder: Path, setting: str = "STOCKS_STORE_URL") -> None:
        self._folder = folder.absolute()
        self._setting = setting
        self.url = self._folder.as_uri()

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `ObjectStore`."""
        path = self._path(key)
        unfinished = path.with_name(f".{uuid4().hex}")
        with self._faults("written"):
            self._make(path.parent)
            try:
                with unfinished.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    # Unlike a rename, a link fails where the name is taken.
                    path.hardlink_to(unfinished)
                except FileExistsError:
                    return False
            finally:
                unfinished.unlink(missing_ok=True)
            _sync(path.parent)
        return True

    def get(self, key: str, most: int | None = None) -> bytes:
        """See `ObjectStore`."""
        with self._faults("read"):
            try:
                with self._path(key).open("rb") as file:
                    return file.read(most)
            except FileNotFoundError:
                raise DataError(f"{self.url} holds no object {key}.") from None

    def delete(self, key: str) -> None:
        """See `DisposableStore`; folders that are empty then go along."""
        path = self._path(key)
        with self._faults("written"):
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self._folder or any(folder.iterdir()):
                    break
                folder.rmdir()

    def keys(self, prefix: str) -> list[str]:
        """See `ObjectStore`."""
        above, _, _ = prefix.rpartition("/")
        start = self._path(above) if above else self._folder
        found = []
        with self._faults("listed"):
            # os.walk passes over errors where it isn't told otherwise: a listing with gaps would look whole.
            for folder, _, names in os.walk(start, onerror=_unless_absent):
                relative = Path(folder).relative_to(self._folder).as_posix()
                found += names if relative == "." else [f"{relative}/{name}" for name in names]
        return sorted(key for key in found if key.startswith(prefix) and is_listed(key))

    def _path(self, key: str) -> Path:
        """The file of a key.

        Raises:
            ConfigError: The key leads out of the folder.
        """
        path = PurePosixPath(key)
        if path.is_absolute() or ".." in path.parts or "\\" in key or "\0" in key:
            raise ConfigError(f"{key!r} can't be a key of a store.")
        return self._folder / path

    def _make(self, folder: Path) -> None:
        """Makes a folder and what is missing above it, each on the disk when it returns."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)

    @contextmanager
    def _faults(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._explain(error, done)

    def _explain(self, error: OSError, done: str) -> NoReturn:
        reason = error.strerror or type(error).__name__
        message = f"The folder {self._folder} can't be {done}: {reason}."
        fault: StocksError
        if error.errno in _LASTING:
            fault = ConfigError(message, hint=_LASTING[error.errno].format(setting=self._setting))
        else:
            fault = StoreUnavailable(message)
        raise fault from error


def _unless_absent(error: OSError) -> None:
    """Raises what a walk met, but for a folder that isn't there: it holds no keys."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _sync(folder: Path) -> None:
    """Brings a folder's entries to the disk: without it a crash may forget a file whose bytes are safe."""
    if os.name == "nt":  # Windows opens no folders, and keeps their entries in order by itself
        return
    entries = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)
