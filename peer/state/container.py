"""One file of a state folder: whose it is, what it holds, and a digest over all of it.

::

    magic 8 | version 4 | header's length 4 | buffers' length 8 | CRC-32 of these 24 bytes 4
    SHA-256 of the first 24 bytes and of all that follows 32
    header: JSON with kind, peer, run, index, the content, and the sizes of the buffers
    buffers, one after the other

Numbers are little-endian. The first 28 bytes stay as they are in every later version, so that a damaged version is
told from a newer one.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from peer.state.sense import Damaged, count, making_sense, mapping, nonsense, sequence

__all__ = ["Damaged", "Label", "Part", "pack", "seal", "unpack"]

Part = bytes | memoryview

MAGIC = b"difpeer\x1a"
VERSION = 1
_START = struct.Struct("<8sIIQ")
_CRC = struct.Struct("<I")
_DIGEST_BYTES = 32
_FIXED = _START.size + _CRC.size + _DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class Label:
    """Which file this is: a file in the wrong place is as bad as a damaged one.

    Attributes
    ----------
    kind : str
        ``"record"`` or ``"checkpoint"``.
    peer, run : str
        Whose, and of which run.
    index : int
        Of a checkpoint; 0 for a record.
    """

    kind: str
    peer: str
    run: str
    index: int = 0


def pack(label: Label, content: Mapping[str, Any], buffers: Sequence[Part]) -> list[Part]:
    """Make a file.

    Parameters
    ----------
    label : Label
        Which file it is.
    content : mapping
        Anything that JSON holds; it refers to buffers by their position.
    buffers : sequence of bytes or memoryview
        Bulk, written as it is.

    Returns
    -------
    list of bytes or memoryview
        To be written one after the other.
    """
    header = json.dumps(
        {
            "kind": label.kind,
            "peer": label.peer,
            "run": label.run,
            "index": label.index,
            "content": content,
            "sizes": [len(part) for part in buffers],
        },
        separators=(",", ":"),
    ).encode()
    return seal(header, buffers)


def seal(header: bytes, buffers: Sequence[Part]) -> list[Part]:
    """Put what opens a file in front of its header and buffers."""
    start = _START.pack(MAGIC, VERSION, len(header), sum(map(len, buffers)))
    digest = hashlib.sha256(start)
    for part in (header, *buffers):
        digest.update(part)
    return [start + _CRC.pack(zlib.crc32(start)) + digest.digest() + header, *buffers]


def unpack(data: bytes, expected: Label) -> tuple[dict[str, Any], list[memoryview]]:
    """Check a file and take it apart.

    Parameters
    ----------
    data : bytes
        The whole file.
    expected : Label
        What it must be, by its place.

    Returns
    -------
    content : dict
        As given to :func:`pack`.
    buffers : list of memoryview
        Parts of ``data``.

    Raises
    ------
    Damaged
        If it is not, byte for byte, what this peer wrote there.
    """
    head, body = _checked(data)
    with making_sense():
        header = mapping(json.loads(head))
        _check_place(Label(header["kind"], header["peer"], header["run"], header["index"]), expected)
        offsets = list(accumulate(map(count, sequence(header["sizes"])), initial=0))
        if offsets[-1] != len(body):
            nonsense(f"buffers of {offsets[-1]} bytes in all, of which {len(body)} are there")
        content = dict(mapping(header["content"]))
    return content, [body[first:last] for first, last in pairwise(offsets)]


def _checked(data: bytes) -> tuple[bytes, memoryview]:
    if not data:
        raise Damaged("is empty")
    if len(data) < _FIXED:
        raise Damaged(f"is cut short: {len(data)} bytes, not even its first {_FIXED}")
    start = data[: _START.size]
    magic, version, header_bytes, body_bytes = _START.unpack(start)
    if _CRC.unpack_from(data, _START.size)[0] != zlib.crc32(start):
        what = (
            "is damaged in its first bytes" if magic == MAGIC else "is not a file of difpeer, or is damaged"
        )
        raise Damaged(what)
    if version != VERSION:
        raise Damaged(f"has version {version}, written by a newer difpeer; this one reads version {VERSION}")
    whole = _FIXED + header_bytes + body_bytes
    if len(data) != whole:
        what = "is cut short" if len(data) < whole else "is too long"
        raise Damaged(f"{what}: {len(data):,} bytes instead of {whole:,}")
    digest = hashlib.sha256(start)
    digest.update(memoryview(data)[_FIXED:])
    if digest.digest() != data[_FIXED - _DIGEST_BYTES : _FIXED]:
        raise Damaged("is damaged: its SHA-256 is another one")
    return data[_FIXED : _FIXED + header_bytes], memoryview(data)[_FIXED + header_bytes :]


def _check_place(found: Label, expected: Label) -> None:
    for field in ("kind", "peer", "run", "index"):
        is_, wanted = getattr(found, field), getattr(expected, field)
        if is_ != wanted:
            raise Damaged(f"is the file of another {field}: {is_!r}, not {wanted!r}")
