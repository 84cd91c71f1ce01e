"""Gzip unpacked as far as one wants it, in no more memory than that."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zlib import _Decompress

_PIECE = 2**20  # bytes; zlib has what it gives in memory twice


def gzip_unpacker() -> _Decompress:
    """What unpacks one gzip stream."""
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def inflate(unpacker: _Decompress, packed: bytes, into: io.BytesIO, most: int) -> None:
    """Unpacks bytes behind those that are there, until they are at an end or `most` bytes are there.

    Raises:
        zlib.error: They are not packed by gzip.
    """
    while not unpacker.eof and (room := min(most - into.tell(), _PIECE)) > 0:
        given = into.write(unpacker.decompress(packed, room))
        packed = unpacker.unconsumed_tail
        if not packed and given < room:
            return
