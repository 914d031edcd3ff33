"""Bounds of the fields on the wire, the same when encoding and decoding.

Each check takes the field's name and what was found, and raises :class:`OutOfBounds` that names both. The codecs
turn it into an error that says whose fault it is.
"""

import re
from functools import lru_cache
from typing import NoReturn

from peer.program.bounds import MAX_COUNT, MAX_LABEL_CHARS, is_label, shown
from peer.protocol.examiner import CONFIG_DIGEST_BYTES
from peer.protocol.payload import DIGEST_BYTES

__all__ = [
    "MAX_COUNT",
    "MAX_FACT_BYTES",
    "MAX_LABEL_CHARS",
    "MAX_SOFTWARE_CHARS",
    "MAX_SPEC_BYTES",
    "MAX_TEXT_BYTES",
    "OutOfBounds",
    "check_blob",
    "check_config_digest",
    "check_count",
    "check_digest",
    "check_fact",
    "check_label",
    "check_operator",
    "check_peer",
    "check_run",
    "check_signature",
    "check_software",
    "check_spec",
    "check_text",
    "cut_text",
    "refuse",
    "shown",
]

MAX_SPEC_BYTES = 64 * 1024
MAX_FACT_BYTES = 64 * 1024
MAX_TEXT_BYTES = 4 * 1024
MAX_SOFTWARE_CHARS = 128
MAX_SIGNATURE_BYTES = 128

_PEER = re.compile(r"[a-z0-9-]{1,32}")
# Ids and file names become paths: no separators, not "." or "..", nothing hidden, nothing like an option.
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class OutOfBounds(ValueError):
    """A field is not what the wire contract allows; the text names the field and what was found."""


def refuse(field: str, found: str, wanted: str) -> NoReturn:
    """Raise :class:`OutOfBounds` for a field."""
    raise OutOfBounds(f"{field}: found {found}, must be {wanted}")


def check_count(field: str, value: int, limit: int = MAX_COUNT) -> None:
    """An integer from 0 to ``limit``."""
    if not 0 <= value <= limit:
        refuse(field, str(value), f"0 to {limit}")


def check_peer(field: str, name: str) -> None:
    """A peer's name."""
    if _PEER.fullmatch(name) is None:
        refuse(field, shown(name), "a peer's name, 1 to 32 of a-z 0-9 -")


def check_operator(field: str, name: str) -> None:
    """The name of an operator, or nobody's."""
    if name:
        check_peer(field, name)


def check_signature(field: str, data: bytes) -> None:
    """An operator's signature, or none."""
    check_blob(field, data, MAX_SIGNATURE_BYTES)


@lru_cache(maxsize=256)  # the same few in every message; refusals are not kept
def check_run(field: str, name: str) -> None:
    """A run's id, or another name that becomes a path."""
    if _RUN.fullmatch(name) is None:
        refuse(field, shown(name), "1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit")


def check_label(field: str, text: str, limit: int = MAX_LABEL_CHARS) -> None:
    """A short printable text, it may be empty; it goes into logs, metrics and tables as it is."""
    if not is_label(text, limit):
        refuse(field, shown(text), f"at most {limit} printable characters")


def check_text(field: str, text: str, limit: int = MAX_TEXT_BYTES) -> None:
    """A text for people, bounded in bytes of UTF-8."""
    size = len(text.encode())
    if size > limit:
        refuse(field, f"{size} bytes", f"at most {limit} bytes of UTF-8")


def cut_text(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """A text for people, made to fit: error texts have no bound where they arise, nor are they always valid UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def check_software(field: str, text: str) -> None:
    """A program and its version, for logs."""
    check_label(field, text, MAX_SOFTWARE_CHARS)


def check_spec(field: str, data: bytes) -> None:
    """A run spec as canonical JSON."""
    _check_document(field, data, MAX_SPEC_BYTES)


def check_fact(field: str, data: bytes) -> None:
    """A peer's fact as canonical JSON."""
    _check_document(field, data, MAX_FACT_BYTES)


def check_blob(field: str, data: bytes, limit: int) -> None:
    """Bytes of bounded length."""
    if len(data) > limit:
        refuse(field, f"{len(data)} bytes", f"at most {limit} bytes")


def check_digest(field: str, data: bytes, size: int = DIGEST_BYTES) -> None:
    """A digest of a message."""
    if len(data) != size:
        refuse(field, f"{len(data)} bytes", f"{size} bytes")


def check_config_digest(field: str, data: bytes) -> None:
    """A SHA-256 digest of a run's configuration."""
    check_digest(field, data, CONFIG_DIGEST_BYTES)


def _check_document(field: str, data: bytes, limit: int) -> None:
    # Whether it is the JSON that it should be is the reader's matter; it may rely on text.
    check_blob(field, data, limit)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        refuse(field, f"byte {data[error.start]:#04x} at {error.start}", "UTF-8")
