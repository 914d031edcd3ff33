"""Messages as tables of fields: for everything that is not on the hot path.

A dataclass and its protobuf message have the same field names; a :class:`Layout` says for each field how it is
checked and carried over. The checks are the same in both directions.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from peer.protocol.messages import Reason, TombKind
from peer.wire.bounds import check_label, check_peer, check_text, cut_text, refuse
from peer.wire.pb import peer_pb2 as pb

__all__ = ["REASON", "Choice", "Each", "Field", "Layout", "Maybe", "Metrics", "Nested", "Plain", "Text"]

Checked = Callable[[str, Any], None]
M = TypeVar("M")
V = TypeVar("V")


class Field(Protocol[V]):
    """How one field is carried over; ``where`` is its full name for error texts."""

    def write(self, target: Message, name: str, where: str, value: V) -> None:
        """Check a value and set it in a protobuf message."""

    def read(self, source: Message, name: str, where: str) -> V:
        """Get a value from a protobuf message and check it."""


class Layout(Generic[M]):
    """The fields of one message.

    Parameters
    ----------
    kind : type
        The dataclass.
    **fields : Field
        By name, in the order of the dataclass.

    Attributes
    ----------
    kind : type
        The dataclass.
    """

    def __init__(self, kind: type[M], /, **fields: Field[Any]) -> None:
        own = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        if own != list(fields):
            raise TypeError(f"{kind.__name__} has the fields {own}, its layout {list(fields)}")
        self.kind = kind
        self._fields = [(name, f"{kind.__name__}.{name}", field) for name, field in fields.items()]

    def write(self, target: Message, message: M) -> None:
        """Check a message and fill a protobuf message with it."""
        for name, where, field in self._fields:
            field.write(target, name, where, getattr(message, name))

    def read(self, source: Message) -> M:
        """Make the dataclass of a protobuf message, checked."""
        return self.kind(*[field.read(source, name, where) for name, where, field in self._fields])


@dataclass(frozen=True, slots=True)
class Plain:
    """A number, a string or bytes, with its check."""

    check: Checked

    def write(self, target: Message, name: str, where: str, value: object) -> None:
        """Check and set."""
        self.check(where, value)
        setattr(target, name, value)

    def read(self, source: Message, name: str, where: str) -> object:
        """Get and check."""
        value = getattr(source, name)
        self.check(where, value)
        return value


@dataclass(frozen=True, slots=True)
class Maybe:
    """A number that may be absent, then it is None."""

    check: Checked

    def write(self, target: Message, name: str, where: str, value: object) -> None:
        """Check and set."""
        if value is not None:
            self.check(where, value)
            setattr(target, name, value)

    def read(self, source: Message, name: str, where: str) -> object:
        """Get and check."""
        if not source.HasField(name):
            return None
        value: object = getattr(source, name)
        self.check(where, value)
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people: cut where it is sent, refused where it arrives too long."""

    def write(self, target: Message, name: str, where: str, value: str) -> None:
        """Cut and set."""
        setattr(target, name, cut_text(value))

    def read(self, source: Message, name: str, where: str) -> str:
        """Get and check."""
        value: str = getattr(source, name)
        check_text(where, value)
        return value


class Choice:
    """An enumeration.

    Parameters
    ----------
    numbers : mapping
        The number on the wire of each member, and of None where it may travel.
    """

    def __init__(self, numbers: Mapping[Any, int]) -> None:
        self._numbers: dict[StrEnum | None, int] = dict(numbers)
        self._members: dict[int, StrEnum | None] = {number: member for member, number in numbers.items()}

    def write(self, target: Message, name: str, where: str, value: StrEnum | None) -> None:
        """Set the number."""
        if value not in self._numbers:
            refuse(where, repr(value), f"one of {', '.join(map(str, self._numbers))}")
        setattr(target, name, self._numbers[value])

    def read(self, source: Message, name: str, where: str) -> StrEnum | None:
        """Turn the number into a member."""
        number = getattr(source, name)
        if number not in self._members:
            refuse(where, f"number {number}", f"one of {', '.join(map(str, self._members))}")
        return self._members[number]


@dataclass(frozen=True, slots=True)
class Nested:
    """A message within a message; with ``optional`` it may be None."""

    layout: Layout[Any]
    optional: bool = False

    def write(self, target: Message, name: str, where: str, value: object) -> None:
        """Fill the inner message."""
        if value is None:
            self._check_absent(where)
            return
        inner = getattr(target, name)
        inner.SetInParent()
        self.layout.write(inner, value)

    def read(self, source: Message, name: str, where: str) -> object:
        """Read the inner message."""
        if source.HasField(name):
            return self.layout.read(getattr(source, name))
        self._check_absent(where)
        return None

    def _check_absent(self, where: str) -> None:
        if not self.optional:
            refuse(where, "nothing", "present")


@dataclass(frozen=True, slots=True)
class Each:
    """A tuple of strings with a check, or of messages with a layout, of bounded length."""

    item: Checked | Layout[Any]
    limit: int

    def write(self, target: Message, name: str, where: str, value: tuple[Any, ...]) -> None:
        """Append every item."""
        self._check_length(where, len(value))
        items = getattr(target, name)
        for index, item in enumerate(value):
            if isinstance(self.item, Layout):
                self.item.write(items.add(), item)
            else:
                self.item(f"{where}[{index}]", item)
                items.append(item)

    def read(self, source: Message, name: str, where: str) -> tuple[Any, ...]:
        """Read every item."""
        items = getattr(source, name)
        self._check_length(where, len(items))
        if isinstance(self.item, Layout):
            return tuple([self.item.read(item) for item in items])
        for index, item in enumerate(items):
            self.item(f"{where}[{index}]", item)
        return tuple(items)

    def _check_length(self, where: str, length: int) -> None:
        if length > self.limit:
            refuse(where, f"{length} entries", f"at most {self.limit}")


@dataclass(frozen=True, slots=True)
class Metrics:
    """A mapping from printable names to numbers, of bounded size."""

    limit: int

    def write(self, target: Message, name: str, where: str, value: Mapping[str, float]) -> None:
        """Set every entry."""
        self._check(where, value)
        getattr(target, name).update(value)

    def read(self, source: Message, name: str, where: str) -> dict[str, float]:
        """Read every entry, in the order of names: a map on the wire has none."""
        value = dict(sorted(getattr(source, name).items()))
        self._check(where, value)
        return value

    def _check(self, where: str, value: Mapping[str, float]) -> None:
        if len(value) > self.limit:
            refuse(where, f"{len(value)} entries", f"at most {self.limit}")
        for key in value:
            check_label(f"{where} name", key)
            if not key:
                refuse(f"{where} name", "''", "1 to 64 printable characters")


REASON = Layout(
    Reason,
    kind=Choice(
        {
            TombKind.REFUSED: pb.TOMB_KIND_REFUSED,
            TombKind.LOST: pb.TOMB_KIND_LOST,
            TombKind.CANCELLED: pb.TOMB_KIND_CANCELLED,
            TombKind.FAILED: pb.TOMB_KIND_FAILED,
        }
    ),
    peer=Plain(check_peer),
    text=Text(),
)
"""Why a run ended: in tombstones, and in what operators are told."""
