"""What a file of the state folder must hold to make sense, whoever has written its digest.

The digest keeps disks and copies from changing a file unseen. It does not keep a person or another program from
writing one, and what is taken from a file is relied on everywhere: so it is what its place asks for, or damaged.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from reprlib import repr as brief
from typing import Any, NoReturn

from peer.program.bounds import MAX_COUNT

__all__ = ["Damaged", "count", "digest", "flag", "making_sense", "mapping", "nonsense", "sequence", "text"]


class Damaged(Exception):
    """A file of the state folder cannot be used; the text says what is wrong with it."""


def nonsense(what: str) -> NoReturn:
    """Raise :class:`Damaged` for what cannot be."""
    raise Damaged(f"makes no sense, though its digest is right: {what}")


@contextmanager
def making_sense() -> Iterator[None]:
    """Turn what goes wrong while a file is taken apart into :class:`Damaged`: missing keys, other lengths, bad JSON."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Damaged(
            f"makes no sense, though its digest is right ({type(error).__name__}: {error})"
        ) from error


def count(found: object, limit: int = MAX_COUNT) -> int:
    """A whole number from 0 to ``limit``."""
    if type(found) is not int or not 0 <= found <= limit:
        nonsense(f"found {brief(found)} where a number from 0 to {limit} is expected")
    return found


def text(found: object) -> str:
    """A text."""
    if not isinstance(found, str):
        nonsense(f"found {brief(found)} where text is expected")
    return found


def flag(found: object) -> bool:
    """True or false."""
    if not isinstance(found, bool):
        nonsense(f"found {brief(found)} where true or false is expected")
    return found


def digest(found: object) -> bytes:
    """Bytes, in hexadecimal digits."""
    return bytes.fromhex(text(found))


def sequence(found: object) -> Sequence[Any]:
    """A list."""
    if not isinstance(found, list):
        nonsense(f"found {brief(found)} where a list is expected")
    return found


def mapping(found: object) -> Mapping[str, Any]:
    """A mapping with keys of text, as JSON has them."""
    if not isinstance(found, dict):
        nonsense(f"found {brief(found)} where a mapping is expected")
    return found
